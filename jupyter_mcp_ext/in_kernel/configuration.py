"""The configuration of an ipykernel that can list no processes, as under Landlock.

When it ends it looks for its children, to end them, and logs a traceback. Its sandbox ends them.
"""

from __future__ import annotations

import logging

LOGGER = "IPKernelApp"


def is_news(record: logging.LogRecord) -> bool:
    """Whether it says anything else than that the processes could not be listed."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, PermissionError) and error.filename in ("/proc", b"/proc"))


def leave_out() -> None:
    """Have it not logged."""
    logging.getLogger(LOGGER).addFilter(is_news)
