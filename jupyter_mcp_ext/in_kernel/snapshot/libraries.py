"""Options and states of libraries that a session has set."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def seeds_of_numpy() -> Any:
    """The state of its global generator."""
    return library("numpy").random.get_state()


def options_of_pandas() -> Any:
    """Its options that differ from their defaults."""
    config = library("pandas")._config.config
    options = config._registered_options
    known = {
        key: config.get_option(key) for key in options if key not in config._deprecated_options
    }
    return {key: value for key, value in known.items() if value != options[key].defval}


def set_options_of_pandas(state: Any) -> None:
    """Set options."""
    for name, value in state.items():
        importlib.import_module("pandas").set_option(name, value)


def settings_of_matplotlib() -> Any:
    """Its settings, read without choosing a backend."""
    found = library("matplotlib").rcParams
    return {name: dict.__getitem__(found, name) for name in dict.keys(found)}


def set_settings_of_matplotlib(state: Any) -> None:
    """Restore the settings."""
    matplotlib = importlib.import_module("matplotlib")
    backend = state.pop("backend")
    dict.update(matplotlib.rcParams, state)
    if isinstance(backend, str) and dict.get(matplotlib.rcParams, "backend") != backend:
        matplotlib.use(backend)


def library(name: str) -> Any:
    """A module if the session has it; MISSING says that there is nothing to save."""
    if name not in sys.modules:
        raise NotThere
    return sys.modules[name]


class NotThere(Exception):
    """The session has not imported it."""
