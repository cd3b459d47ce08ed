"""Runs clients and says what is seen, for the tests and for the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .client import Client
from .installing import PINNED, Installation
from .judging import image, words
from .libraries import LIBRARIES
from .model import running_model
from .playing import Played, Stage, cancel, first_plot, play
from .programs import PROGRAMS
from .served import served

CLIENTS = (*PROGRAMS, *LIBRARIES)
CANCELLED = {True: "interrupts", False: "runs on"}


@contextmanager
def stage(folder: Path, installation: Installation = PINNED) -> Iterator[Stage]:
    """A model and a server for clients to play on."""
    with running_model() as model, served(folder / "server") as one:
        yield Stage(model=model, served=one, installation=installation, folder=folder)


def played(client: Client, on: Stage) -> Played:
    """A client's run, with what it needs installed."""
    on.installation.prepare(client.package)
    return play(client, on)


def cancelled(client: Client, on: Stage) -> str:
    """What becomes of code when its client is interrupted, in words."""
    return "either" if client.interrupts is None else CANCELLED[cancel(client, on)]


def plotted_over_http(client: Client, on: Stage) -> str:
    """Whether a plot reaches the model of a client that is connected without the bridge."""
    return image(first_plot(client, on, "http").conversation.by_name()["image"])


def seen(client: Client, on: Stage) -> dict[str, str]:
    """All that is seen of a client, by the columns of the table."""
    shown = words(played(client, on).conversation) | {"cancel": cancelled(client, on)}
    return shown | {"http": plotted_over_http(client, on)} if client.is_program else shown
