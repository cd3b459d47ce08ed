"""What each mode of the sandbox has to do for one kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from subprocess import Popen
from typing import Any, Protocol


class NotConfined(OSError):
    """A kernel could not be started in its sandbox; standard error has what its program said."""


class Guard(Protocol):
    """Starts one kernel in its sandbox, reaches it there, and ends all that runs in it.

    It is for one process: a kernel that is restarted gets a new guard.
    """

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that say where things are in the sandbox."""

    async def launch(
        self, command: Sequence[str], arguments: Mapping[str, Any], *, prefix: Sequence[str]
    ) -> Popen[bytes]:
        """The process that makes the sandbox; ``arguments`` are more of ``launch_kernel``'s.

        ``prefix`` comes before the whole command: it brings limits into force.
        It lives as long as the kernel and ends with what the kernel ended with. Raises NotConfined.
        """

    async def started(self) -> None:
        """Wait until the kernel's own process runs in the sandbox. Raises NotConfined."""

    def signal(self, signum: int) -> None:
        """Send a signal to the kernel and its children; what ends it ends all in its sandbox.

        Raises OSError. Not called before it has started or after it has ended.
        """

    def close(self) -> None:
        """Let go of what was open for the process. May be called again."""
