"""The saved parts of a session's process: a name, and functions that get and set its state."""

from __future__ import annotations

import importlib
import locale
import os
import sys
from typing import Any

from .imported import (
    atoms_of_modules,
    names_of_builtins,
    set_atoms_of_modules,
    set_names_of_builtins,
    set_submodules,
    submodules,
)
from .interactive import (
    RESULTS,
    extensions,
    formatters,
    hooks_of_cells,
    magics,
    options_of_ipython,
    results,
    set_extensions,
    set_formatters,
    set_hooks_of_cells,
    set_magics,
    set_options_of_ipython,
    set_results,
)
from .libraries import (
    library,
    options_of_pandas,
    seeds_of_numpy,
    set_options_of_pandas,
    set_settings_of_matplotlib,
    settings_of_matplotlib,
)
from .process import (
    collection,
    decimals,
    environment,
    filters_of_warnings,
    handlers_of_loggers,
    hooks_of_the_interpreter,
    levels_of_loggers,
    limits_of_the_interpreter,
    resources,
    search_path,
    set_collection,
    set_decimals,
    set_environment,
    set_filters_of_warnings,
    set_handlers_of_loggers,
    set_hooks_of_the_interpreter,
    set_levels_of_loggers,
    set_limits_of_the_interpreter,
    set_locale,
    set_resources,
    set_search_path,
    set_working_directory,
    umask,
    working_directory,
)


def taken(states: dict[str, Any], name: str, here: Any) -> Any:
    """A function for a state that is read in the kernel: gives the state, or reads it there."""
    return lambda: states[name] if name in states else here()


def set_part(take: Any, put: Any, state: Any) -> bool:
    """Set a part of the process's state if it differs; whether it did."""
    try:
        if bool(take() == state):
            return False
    except Exception:  # noqa: BLE001, S110  # it cannot be read or compared: set it
        pass
    put(state)
    return True


def early_parts() -> list[Any]:
    """Parts that are set before anything is imported."""
    return [
        ("environment", environment, set_environment),
        ("working directory", working_directory, set_working_directory),
        ("sys.path", search_path, set_search_path),
        ("umask", umask, os.umask),
    ]


def late_parts(states: dict[str, Any]) -> list[Any]:
    """Parts that are set after all variables; ``states`` were read in the kernel."""
    return [
        *parts_of_ipython(),
        *parts_of_the_interpreter(states),
        *parts_of_libraries(),
        ("filters of warnings", filters_of_warnings, set_filters_of_warnings),
        (
            "random state",
            taken(states, "random", lambda: library("random").getstate()),
            lambda state: importlib.import_module("random").setstate(state),
        ),
    ]


def parts_of_ipython() -> list[Any]:
    """Changes to the shell, to modules and to builtins."""
    return [
        ("submodules", submodules, set_submodules),
        ("attributes of modules", atoms_of_modules, set_atoms_of_modules),
        (RESULTS, results, set_results),
        ("names among the builtins", names_of_builtins, set_names_of_builtins),
        ("loaded extensions", extensions, set_extensions),
        ("options of IPython", options_of_ipython, set_options_of_ipython),
        ("magics and aliases", magics, set_magics),
        ("hooks of cells", hooks_of_cells, set_hooks_of_cells),
        ("formatters", formatters, set_formatters),
    ]


def parts_of_the_interpreter(states: dict[str, Any]) -> list[Any]:
    """Changes to Python and to the standard library."""
    recursion = taken(states, "recursion", sys.getrecursionlimit)
    return [
        ("hooks of the interpreter", hooks_of_the_interpreter, set_hooks_of_the_interpreter),
        ("limits of the interpreter", limits_of_the_interpreter, set_limits_of_the_interpreter),
        ("resource limits", taken(states, "resources", resources), set_resources),
        ("recursion limit", recursion, sys.setrecursionlimit),
        ("collection of garbage", taken(states, "collection", collection), set_collection),
        ("locale", lambda: locale.setlocale(locale.LC_ALL), set_locale),
        ("handlers of loggers", handlers_of_loggers, set_handlers_of_loggers),
        ("levels of loggers", levels_of_loggers, set_levels_of_loggers),
        ("context of decimals", decimals, set_decimals),
    ]


def parts_of_libraries() -> list[Any]:
    """Changes to pandas, polars, matplotlib and numpy."""
    numpy = "numpy"
    return [
        ("options of pandas", options_of_pandas, set_options_of_pandas),
        (
            "options of polars",
            lambda: library("polars").Config.save(),
            lambda state: importlib.import_module("polars").Config.load(state),
        ),
        ("settings of matplotlib", settings_of_matplotlib, set_settings_of_matplotlib),
        (
            "print options of numpy",
            lambda: library(numpy).get_printoptions(),
            lambda state: importlib.import_module(numpy).set_printoptions(**state),
        ),
        (
            "errors of numpy",
            lambda: library(numpy).geterr(),
            lambda state: importlib.import_module(numpy).seterr(**state),
        ),
        (
            "random state of numpy",
            seeds_of_numpy,
            lambda state: importlib.import_module(numpy).random.set_state(state),
        ),
    ]
