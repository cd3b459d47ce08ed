"""Changes of a session to its process, besides its variables: functions that get and set them."""

from __future__ import annotations

import gc
import importlib
import locale
import logging
import os
import signal
import sys
import threading
import time
import warnings
from typing import Any

from .interactive import is_own
from .libraries import library
from .words import the_shell

LOCALS = {"IPYTHONDIR", "JPY_PARENT_PID", "JPY_SESSION_NAME", "JPY_INTERRUPT_EVENT", "PWD"}
"""Environment variables that each kernel has of its own."""

PACKAGES = "/.mcp/packages/"
"""In the paths of what was installed for a session alone: each session has its own."""


KERNEL = os.getpid()
"""The kernel's process, of which this one may be a copy: a sandbox shows that one alone."""


def environment() -> Any:
    """Differences from the environment with which the kernel was started."""
    with open(f"/proc/{KERNEL}/environ", "rb") as file:
        pairs = (one.partition(b"=") for one in file.read().split(b"\0") if one)
        began = {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
    now = dict(os.environ)
    changed = {k: v for k, v in now.items() if began.get(k) != v and k not in LOCALS}
    return changed, [name for name in began if name not in now and name not in LOCALS]


def set_environment(state: Any) -> None:
    """Change the environment, and apply its time zone."""
    changed, removed = state
    own = [one.partition(PACKAGES)[0] for one in sys.path if PACKAGES in one]
    for name, value in changed.items():
        paths = value.split(os.pathsep)
        for n, path in enumerate(paths if own else ()):
            _, packages, rest = path.partition(PACKAGES)
            if packages:
                paths[n] = own[0] + packages + rest
        os.environ[name] = os.pathsep.join(paths)
    for name in removed:
        os.environ.pop(name, None)
    if hasattr(time, "tzset"):
        time.tzset()


def working_directory() -> str:
    """The working directory; empty if it is where the kernel began, which may be moved."""
    path = os.getcwd()
    return "" if path == the_shell().starting_dir else path


def set_working_directory(path: str) -> None:
    """Change to it."""
    os.chdir(path or the_shell().starting_dir)


def search_path() -> Any:
    """The module search path, without the session's own packages."""
    return [one for one in sys.path if PACKAGES not in one], sys.prefix


def set_search_path(state: Any) -> None:
    """Set the search path; of another environment, only entries that are not its own."""
    path, prefix = state
    path = [one for one in path if PACKAGES not in one]
    if prefix == sys.prefix:
        sys.path[:] = path + [one for one in sys.path if PACKAGES in one]
    else:
        known = {*sys.path, ""}
        sys.path += [one for one in path if one not in known and not one.startswith(prefix)]


def decimals() -> Any:
    """The context of decimal numbers."""
    context = library("decimal").getcontext()
    names = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
    return {name: getattr(context, name) for name in names}, dict(context.traps)


def set_decimals(state: Any) -> None:
    """Change the context in place."""
    values, traps = state
    context = importlib.import_module("decimal").getcontext()
    for name, value in values.items():
        setattr(context, name, value)
    context.traps.update(traps)


def filters_of_warnings() -> Any:
    """The filters for warnings."""
    return list(warnings.filters)


def set_filters_of_warnings(state: Any) -> None:
    """Set the filters for warnings."""
    warnings.filters[:] = state  # type: ignore[index]
    getattr(warnings, "_filters_mutated", lambda: None)()


def levels_of_loggers() -> Any:
    """The levels and states of loggers."""
    root = logging.getLogger()
    known = {
        name: (one.level, one.disabled, one.propagate)
        for name, one in list(root.manager.loggerDict.items())
        if isinstance(one, logging.Logger)
    }
    return {name: one for name, one in known.items() if one != (0, False, True)}, (
        root.level,
        root.manager.disable,
    )


def set_levels_of_loggers(state: Any) -> None:
    """Set the levels and states of loggers."""
    levels, (level, disable) = state
    for name, (own, disabled, propagate) in levels.items():
        logger = logging.getLogger(name)
        logger.setLevel(own)
        logger.disabled, logger.propagate = disabled, propagate
    logging.getLogger().setLevel(level)
    logging.disable(disable)


def handlers_of_loggers() -> Any:
    """The handlers of the root logger that write to the streams."""
    kinds = (logging.StreamHandler, logging.NullHandler)
    return [one for one in logging.getLogger().handlers if type(one) in kinds]


def set_handlers_of_loggers(state: Any) -> None:
    """Add the missing handlers."""
    root = logging.getLogger()
    for handler in state[len(root.handlers) :]:
        root.addHandler(handler)


def limits_of_the_interpreter() -> Any:
    """Limits of Python that can be set."""
    digits = getattr(sys, "get_int_max_str_digits", lambda: None)()
    return sys.getswitchinterval(), digits


def set_limits_of_the_interpreter(state: Any) -> None:
    """Set the limits."""
    sys.setswitchinterval(state[0])
    if state[1] is not None:
        sys.set_int_max_str_digits(state[1])


def set_collection(state: Any) -> None:
    """Whether and when garbage is collected."""
    is_enabled, threshold = state
    (gc.enable if is_enabled else gc.disable)()
    gc.set_threshold(*threshold)


def set_resources(state: Any) -> None:
    """Resource limits of the process that can be set."""
    resource = importlib.import_module("resource")
    for which, (soft, hard) in state.items():
        if resource.getrlimit(which) != (soft, hard):
            resource.setrlimit(which, (soft, hard))


def umask() -> Any:
    """The umask."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def hooks_of_the_interpreter() -> Any:
    """Hooks of the session that Python calls."""
    places = {"sys": sys, "threading": threading}
    names = ("excepthook", "unraisablehook", "displayhook", "breakpointhook")
    known = {
        (place, name): getattr(module, name, None)
        for place, module in places.items()
        for name in names
    }
    return {where: one for where, one in known.items() if is_own(one)}


def set_hooks_of_the_interpreter(state: Any) -> None:
    """Set the hooks."""
    for (place, name), hook in state.items():
        setattr(sys.modules[place], name, hook)


def collection() -> Any:
    """Set whether and when garbage is collected."""
    return gc.isenabled(), gc.get_threshold()


def resources() -> Any:
    """Set the resource limits."""
    resource = importlib.import_module("resource")
    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    return {which: resource.getrlimit(which) for which in {getattr(resource, n) for n in names}}


def set_locale(state: str) -> None:
    """Set the locale."""
    locale.setlocale(locale.LC_ALL, state)


def standard_objects() -> dict[int, tuple[str, str]]:
    """The streams by id, with the names of those of another kernel."""
    names = ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")
    return {id(getattr(sys, name)): ("sys", name) for name in reversed(names)}


def states_here() -> dict[str, Any]:
    """States that a worker changes in its process, and states that are only named."""
    return {
        "recursion": sys.getrecursionlimit(),
        "signals": [
            str(getattr(number, "name", number))
            for number in range(1, signal.NSIG)
            if getattr(handler_of(number), "__module__", "") == "__main__"
        ],
    }


def handler_of(number: int) -> Any:
    """The handlers of signals."""
    try:
        return signal.getsignal(number)
    except (ValueError, OSError):
        return None
