"""Code that runs until a test lets it go, and says whether it was interrupted."""

from __future__ import annotations

import socket

BEGUN, INTERRUPTED = b"begun", b"interrupted"
SECONDS = 100
"""More than it takes until code runs."""
CODE = """\
import socket
with socket.create_connection(("127.0.0.1", {port})) as held:
    try:
        print("begun", flush=True)
        held.sendall({begun!r})
        held.recv(1)
    except KeyboardInterrupt:
        held.sendall({word!r})
        raise
print("released")
"""


class Gate:
    """A socket to which the code is connected while it runs."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(SECONDS)
        self._held: socket.socket | None = None

    @property
    def code(self) -> str:
        """The code."""
        return CODE.format(port=self._listener.getsockname()[1], begun=BEGUN, word=INTERRUPTED)

    def until_held(self) -> bool:
        """Return when the code runs; false when it does not begin to."""
        if self._held is None:
            try:
                self._held, _ = self._listener.accept()
                self._held.settimeout(SECONDS)
                return self._held.recv(len(BEGUN)) == BEGUN
            except TimeoutError:
                return False
        return True

    def release(self) -> None:
        """Let the code end."""
        self.until_held()
        self.close()

    def is_interrupted(self, within: float) -> bool:
        """Whether the code is interrupted within a time."""
        assert self._held is not None
        self._held.settimeout(within)
        try:
            said = self._held.recv(len(INTERRUPTED))
            assert said == INTERRUPTED, "the code has ended in another way"
            return True
        except TimeoutError:
            return False

    def close(self) -> None:
        """Let the code end, if it runs."""
        self._listener.close()
        if self._held is not None:
            self._held.close()
