"""States that are silently wrong today: the list shrinks."""

from __future__ import annotations

_BOTH: set[str] = {
    "a figure that stays open is not shown again",
    "a module found through sys.path",
    "a module of one's own in the working folder",
    "aliases and magics of one's own",
    "collection of garbage",
    "filters of warnings",
    "formatters of one's own",
    "handlers of loggers",
    "hooks of cells",
    "hooks of the interpreter",
    "how numpy prints",
    "how numpy treats errors",
    "levels of loggers",
    "limits of the interpreter",
    "loaded extensions",
    "modules under other names",
    "options of IPython",
    "options of pandas",
    "options of polars",
    "rcParams of matplotlib",
    "sys.path",
    "the backend of matplotlib",
    "the environment",
    "the last results",
    "the locale",
    "the precision of decimals",
    "the seeds of random and numpy",
    "the time zone",
    "the umask and resource limits",
    "the working directory",
}

_WITH: set[str] = set()

_WITHOUT: set[str] = set()

KNOWN_WRONG: dict[bool, set[str]] = {True: _BOTH | _WITH, False: _BOTH | _WITHOUT}
"""By whether the kernel has cloudpickle."""
