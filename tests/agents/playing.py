"""A client is started, plays a scenario with the mock model, and ends or is cancelled."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .client import Client, Place, Via
from .gate import Gate
from .installing import Installation
from .model import Conversation, Model
from .scenario import PLOT, Step, everything, run
from .served import Served

SECONDS = 150
"""More than any client needs."""
INTERRUPTED_WITHIN = {True: 30.0, False: 3.0}
"""How long an interrupt is waited for where it is expected, and where it is not."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """One run of a client."""

    conversation: Conversation
    said: str
    """What the client wrote."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What clients play on."""

    model: Model
    served: Served
    installation: Installation
    folder: Path

    def place(
        self, client: Client, steps: Sequence[Step], via: Via = "bridge"
    ) -> tuple[Place, Conversation]:
        """A new home for a client, and a conversation."""
        address, conversation = self.model.begin(steps)
        home = self.folder / f"{client.key}-{address.rpartition('/')[2]}"
        project = home / "project"
        project.mkdir(parents=True)
        place = Place(
            home=home,
            project=project,
            server=self.served.server,
            model=address,
            installation=self.installation,
            runtime=self.served.folder / "runtime",
            via=via,
        )
        return place, conversation


def play(client: Client, stage: Stage) -> Played:
    """Have a client do all that is looked at."""
    gate = Gate()
    steps = everything(
        f"{client.key}.ipynb", gate.code, release=gate.release, restart=stage.served.restart
    )
    try:
        done = played(client, *stage.place(client, steps))
    finally:
        gate.close()
    if done.conversation.unanswered:
        stage.served.restart()  # the kernel waits for an answer to what ended the client
    return done


def first_plot(client: Client, stage: Stage, via: Via) -> Played:
    """Have a client make a plot and no more."""
    return played(client, *stage.place(client, [run("image", PLOT)], via))


def cancel(client: Client, stage: Stage) -> bool:
    """Send a client that runs code what Ctrl-C sends; whether the code is interrupted."""
    gate = Gate()
    place, _ = stage.place(client, [run("held", gate.code, wait=200)])
    try:
        with _started(client, place) as process:
            assert gate.until_held(), _said(place)
            os.killpg(process.pid, signal.SIGINT)
            return gate.is_interrupted(INTERRUPTED_WITHIN[bool(client.interrupts)])
    finally:
        gate.close()


def played(client: Client, place: Place, conversation: Conversation) -> Played:
    """Run a client to its end."""
    begun = time.monotonic()
    with _started(client, place) as process, suppress(subprocess.TimeoutExpired):
        process.wait(SECONDS)
    seconds = time.monotonic() - begun
    return Played(conversation=conversation, said=_said(place), seconds=seconds)


@contextmanager
def _started(client: Client, place: Place) -> Iterator[subprocess.Popen[bytes]]:
    """Run a client until the block is left, in a process group of its own."""
    start = client.start(place)
    with (place.home / "said").open("wb") as said:
        process = subprocess.Popen(
            start.command,
            executable=shutil.which(start.command[0], path=place.installation.path()),
            cwd=place.project,
            env=place.environment(start.env),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _said(place: Place) -> str:
    return (place.home / "said").read_text(errors="replace")
