"""Changes of a session to IPython."""

from __future__ import annotations

import types
from typing import Any

from .words import the_shell


def extensions() -> Any:
    """IPython's loaded extensions, and the mode of autoreload."""
    loaded = sorted(the_shell().extension_manager.loaded)
    magic = the_shell().magics_manager.magics["line"].get("autoreload")
    reloader = getattr(getattr(magic, "__self__", None), "_reloader", None)
    mode = (reloader.enabled, reloader.check_all) if reloader is not None else None
    return loaded, mode


def set_extensions(state: Any) -> None:
    """Load extensions."""
    loaded, mode = state
    shell = the_shell()
    for name in loaded:
        shell.extension_manager.load_extension(name)
    magic = shell.magics_manager.magics["line"].get("autoreload")
    if mode is not None and magic is not None:
        reloader = magic.__self__._reloader
        reloader.enabled, reloader.check_all = mode


OPTIONS = ("ast_node_interactivity", "autocall", "automagic", "pdb", "show_rewritten_input")


def options_of_ipython() -> Any:
    """Options of the shell."""
    shell = the_shell()
    options = {name: getattr(shell, name) for name in OPTIONS if hasattr(shell, name)}
    text = shell.display_formatter.formatters["text/plain"]
    return options, shell.InteractiveTB.mode, text.float_precision


def set_options_of_ipython(state: Any) -> None:
    """Set options of the shell."""
    options, mode, precision = state
    shell = the_shell()
    text = shell.display_formatter.formatters["text/plain"]
    if text.float_precision != precision:
        text.float_precision = precision
    for name, value in options.items():
        if getattr(shell, name) != value:
            setattr(shell, name, value)
    shell.InteractiveTB.set_mode(mode)


def is_own(function: Any) -> bool:
    """Whether a function is the session's."""
    return type(function) is types.FunctionType and function.__module__ == "__main__"


def magics() -> Any:
    """Magics that the session has defined, and aliases."""
    shell = the_shell()
    own = {
        kind: {name: one for name, one in known.items() if is_own(one)}
        for kind, known in shell.magics_manager.magics.items()
    }
    default = dict(getattr(shell.alias_manager, "default_aliases", ()))
    aliases = [(name, text) for name, text in shell.alias_manager.aliases if name not in default]
    return own, aliases


def set_magics(state: Any) -> None:
    """Define magics and aliases."""
    own, aliases = state
    shell = the_shell()
    for kind, known in own.items():
        shell.magics_manager.magics[kind].update(known)
    for name, text in aliases:
        shell.alias_manager.define_alias(name, text)


def hooks_of_cells() -> Any:
    """Functions of the session that IPython calls before and after cells."""
    known = the_shell().events.callbacks.items()
    return {event: [one for one in called if is_own(one)] for event, called in known}


def set_hooks_of_cells(state: Any) -> None:
    """Register them again."""
    for event, called in state.items():
        for one in called:
            the_shell().events.register(event, one)


def formatters() -> Any:
    """The display formatters of the session's types."""
    known = the_shell().display_formatter.formatters.items()
    return {
        mime: [(kind, one) for kind, one in each.type_printers.items() if is_own(one)]
        for mime, each in known
    }


def set_formatters(state: Any) -> None:
    """Register the formatters."""
    known = the_shell().display_formatter.formatters
    for mime, printers in state.items():
        known[mime].type_printers.update(printers)


def results() -> Any:
    """IPython's record of the code that was run and of its results."""
    shell = the_shell()
    names = shell.user_ns
    unders = [names.get("_" * count, "") for count in (1, 2, 3)]
    history = shell.history_manager
    code = (list(history.input_hist_parsed), list(history.input_hist_raw))
    return shell.execution_count, dict(names.get("_oh", {})), unders, code


def set_results(state: Any) -> None:
    """Restore them, and continue the count after them."""
    count, out, unders, code = state
    shell = the_shell()
    history, names, shown = shell.history_manager, shell.user_ns, shell.displayhook
    shell.execution_count = count
    history.input_hist_parsed[:], history.input_hist_raw[:] = code
    names["_oh"].update(out)
    names.update({f"_{number}": value for number, value in out.items()})
    names.update({f"_i{number}": text for number, text in enumerate(code[1]) if number})
    for number, value in enumerate(unders, 1):
        setattr(shown, "_" * number, value)
        names["_" * number] = value
        last = code[1][-number] if len(code[1]) > number else ""
        names["_" + "i" * number] = last
        setattr(history, "_" + "i" * number, last)


RESULTS = "results and code"
