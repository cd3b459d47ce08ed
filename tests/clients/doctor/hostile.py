"""Servers that answer as no Jupyter server does."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TypeAlias

Answer: TypeAlias = Callable[[str, socket.socket, threading.Event], None]
"""Answers a request, given its first line, its connection and what is set at the end."""

ABOUT = {"version": "2.21.1"}


def http(status: str, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> bytes:
    """An answer over HTTP."""
    kind = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = {**kind, **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\nConnection: close\r\n{head}\r\n".encode("latin-1") + body


def trickle(text: bytes) -> Answer:
    """Sends the text, then spaces, one byte at a time, for as long as the other side listens."""

    def answer(line: str, connection: socket.socket, ended: threading.Event) -> None:
        del line
        connection.sendall(text)
        while not ended.wait(0.05):
            connection.sendall(b" ")

    return answer


def flood(text: bytes, piece: bytes) -> Answer:
    """Sends the text, then a piece again and again."""

    def answer(line: str, connection: socket.socket, ended: threading.Event) -> None:
        del line
        connection.sendall(text)
        while not ended.is_set():
            connection.sendall(piece)

    return answer


def like_jupyter(others: Mapping[str, bytes], rest: bytes) -> Answer:
    """A server that says it is Jupyter's; ``others`` are answers by a word of the first line."""

    def answer(line: str, connection: socket.socket, ended: threading.Event) -> None:
        del ended
        if " /api " in line:
            connection.sendall(http("200 OK", json.dumps(ABOUT).encode()))
            return
        connection.sendall(next((said for word, said in others.items() if word in line), rest))

    return answer


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Run a server until the block is left, and give its URL."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = threading.Thread(target=_accept, args=(listening, answer, ended), daemon=True)
        accepting.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            ended.set()
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)  # wakes the thread
            accepting.join()


def _accept(listening: socket.socket, answer: Answer, ended: threading.Event) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_one, args=(connection, answer, ended), daemon=True).start()


def _one(connection: socket.socket, answer: Answer, ended: threading.Event) -> None:
    with connection, suppress(OSError):
        line = _request(connection)
        answer(line, connection, ended)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):  # a reset would take the answer with it
            pass


def _request(connection: socket.socket) -> str:
    """Read the head of a request; the first line."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65_536)
        if not piece:
            break
        head += piece
    return head.split(b"\r\n", 1)[0].decode("latin-1")
