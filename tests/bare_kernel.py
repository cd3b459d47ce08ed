"""A small kernel, which starts in a fraction of a second, for tests that need many.

It is run as text, so it stands alone. It evaluates expressions, and answers no more than it must.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
import uuid
from typing import Any

import zmq

MARK = b"<IDS|MSG>"
INFO = {
    "status": "ok",
    "protocol_version": "5.3",
    "implementation": "bare",
    "implementation_version": "1",
    "banner": "bare",
    "language_info": {"name": "python", "mimetype": "text/x-python", "file_extension": ".py"},
}


class BareKernel:
    """Serves until it is asked to shut down."""

    def __init__(self, connection_file: str) -> None:
        with open(connection_file, encoding="utf-8") as file:  # noqa: PTH123
            self._connection = json.load(file)
        self._key = self._connection["key"].encode()
        self._context = zmq.Context()
        self._iopub = self._bound(zmq.PUB, "iopub")
        self._bound(zmq.ROUTER, "stdin")
        self._requests = [self._bound(zmq.ROUTER, name) for name in ("shell", "control")]
        self._heart = self._bound(zmq.REP, "hb")
        self._count = 0

    def serve(self) -> None:
        """Answer requests."""
        poller = zmq.Poller()
        for socket in (*self._requests, self._heart):
            poller.register(socket, zmq.POLLIN)
        goes_on = True
        while goes_on:
            for socket, _ in poller.poll():
                frames = socket.recv_multipart()
                if socket is self._heart:
                    socket.send_multipart(frames)
                else:
                    goes_on = self._answer(socket, frames) and goes_on

    def _bound(self, kind: int, name: str) -> Any:
        socket = self._context.socket(kind)
        separator = "-" if self._connection["transport"] == "ipc" else ":"
        address = f"{self._connection['ip']}{separator}{self._connection[name + '_port']}"
        socket.bind(f"{self._connection['transport']}://{address}")
        return socket

    def _answer(self, socket: Any, frames: list[bytes]) -> bool:
        at = frames.index(MARK)
        header, content = json.loads(frames[at + 2]), json.loads(frames[at + 5])
        kind = header["msg_type"]
        self._send(self._iopub, [b"status"], "status", {"execution_state": "busy"}, header)
        reply: dict[str, Any] = {"status": "ok"}
        if kind == "kernel_info_request":
            reply = INFO
        elif kind == "execute_request":
            reply = self._executed(content, header)
        self._send(socket, frames[:at], kind.replace("request", "reply"), reply, header)
        self._send(self._iopub, [b"status"], "status", {"execution_state": "idle"}, header)
        return bool(kind != "shutdown_request")

    def _executed(self, content: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
        self._count += not content.get("silent")
        value = eval(content["code"] or "None")  # noqa: S307  # that is what it is for
        result = {
            "data": {"text/plain": repr(value)},
            "metadata": {},
            "execution_count": self._count,
        }
        self._send(self._iopub, [b"result"], "execute_result", result, header)
        return {"status": "ok", "execution_count": self._count, "user_expressions": {}}

    def _send(self, socket: Any, to: list[bytes], kind: str, content: object, parent: Any) -> None:
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": "bare", "username": ""}
        header |= {"date": "2026-01-01T00:00:00Z", "version": "5.3"}
        parts = [json.dumps(part).encode() for part in (header, parent, {}, content)]
        digest = hmac.new(self._key, b"".join(parts), hashlib.sha256).hexdigest().encode()
        socket.send_multipart([*to, MARK, digest, *parts])


if __name__ == "__main__":
    BareKernel(sys.argv[1]).serve()
