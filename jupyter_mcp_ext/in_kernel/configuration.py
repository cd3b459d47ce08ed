"""The configuration of an ipykernel under Landlock, of which the log would say nothing new.

It may not listen where forked processes could hand it what they print, and warns of that. When it
ends it looks for its children, to end them: it cannot list processes, and logs a traceback. Its
sandbox ends them.
"""

from __future__ import annotations

import logging
import warnings

LOGGER = "IPKernelApp"


def is_news(record: logging.LogRecord) -> bool:
    """Whether it says anything else than that the processes could not be listed."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, PermissionError) and error.filename in ("/proc", b"/proc"))


def leave_out() -> None:
    """Have neither logged."""
    warnings.filterwarnings("ignore", message="Couldn't bind IOPub Pipe")
    logging.getLogger(LOGGER).addFilter(is_news)
