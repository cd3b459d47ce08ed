"""States that are silently wrong today: the list shrinks."""

from __future__ import annotations

_BOTH = {
    "filters of warnings",
    "hooks of the interpreter",
    "a figure that stays open is not shown again",
    "a default that was computed when the function was defined",
    "attributes of a function, and those that were changed",
    "the code of a function that was changed",
    "class_getitem in an annotation has its effects once",
    "a decorator of the user's own named dataclass has its effects once",
    "a method that was replaced",
    "a view of an array",
    "a function that was defined again by exec",
    "a function that was defined again by %run",
    "annotations of the session",
    "the code that was run",
    "the last results",
    "a module of one's own in the working folder",
    "an attribute of a module that was changed",
    "a module found through sys.path",
    "the working directory",
    "handlers of loggers",
    "collection of garbage",
    "options of IPython",
    "hooks of cells",
    "the environment",
    "sys.path",
    "the seeds of random and numpy",
    "the precision of decimals",
    "how numpy treats errors",
    "how numpy prints",
    "options of pandas",
    "options of polars",
    "rcParams of matplotlib",
    "the backend of matplotlib",
    "levels of loggers",
    "the locale",
    "the time zone",
    "loaded extensions",
    "limits of the interpreter",
    "aliases and magics of one's own",
    "formatters of one's own",
    "a builtin that was changed",
    "the umask and resource limits",
}

_WITH = {
    "views of dictionaries",
    "a view of bytes",
    "two closures that share a variable",
    "closures that share a variable, under names far apart",
    "an abstract base class",
    "a metaclass has its effects once",
    "init_subclass and set_name have their effects once",
    "an exception with a cause and a traceback",
}

_WITHOUT = {
    "a function that was defined again through globals",
}

KNOWN_WRONG: dict[bool, set[str]] = {True: _BOTH | _WITH, False: _BOTH | _WITHOUT}
"""By whether the kernel has cloudpickle."""
