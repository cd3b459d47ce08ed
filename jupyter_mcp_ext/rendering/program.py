"""What the process runs: it does the tasks from its input until that is closed."""

from __future__ import annotations

import os
import signal
import sys
from typing import BinaryIO

from jupyter_mcp_ext.outputs.images import UnreadableImage
from jupyter_mcp_ext.outputs.rendering import operation

from .wire import BEGUN, MAX_ANSWER, Outcome, Task, message, read

MAX_MEMORY = 150_000_000
"""Memory limit of the process, on Linux; its libraries take 40 MB."""

DEADLINE = 4.0
"""Seconds after which a task kills its process, in case the server that would do so has died."""

if sys.platform != "win32":
    import resource


def main() -> None:
    """Work until the server closes the input or ends."""
    tasks, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what libraries print is no answer
    _limit_memory()
    while data := read(tasks):
        outcome = _work(Task.decoded(data), answers)
        answer = outcome.encoded()
        if len(answer) > MAX_ANSWER:
            answer = Outcome(failure="is too large to be rendered").encoded()
        answers.write(message(answer))
        answers.flush()


def _work(task: Task, answers: BinaryIO) -> Outcome:
    function = operation(task.name)
    answers.write(BEGUN)
    answers.flush()
    _alarm(DEADLINE)
    try:
        return Outcome(value=function(task.source, *task.options))
    except UnreadableImage as err:
        return Outcome(failure=str(err), is_unreadable=True)
    except MemoryError:
        return Outcome(failure=f"could not be rendered within {MAX_MEMORY // 1_000_000} MB")
    except Exception:  # noqa: BLE001  # whatever libraries raise for what is broken
        return Outcome(failure="could not be rendered")
    finally:
        _alarm(0)


def _limit_memory() -> None:
    if sys.platform == "linux":  # elsewhere the limit is not kept to
        resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))


def _alarm(seconds: float) -> None:
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds)  # nothing handles it, so it ends the process
