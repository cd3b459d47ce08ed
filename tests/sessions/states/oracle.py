"""Compares a session that was restored with itself before it was lost."""

from __future__ import annotations

import ast
import asyncio
import logging
import os
import re
import secrets
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jupyter_client.ioloop.manager import AsyncIOLoopKernelManager

from jupyter_mcp_ext.kernels.evaluation import evaluate
from jupyter_mcp_ext.kernels.links.exchange import Content
from jupyter_mcp_ext.kernels.links.link import KernelLink, Listener
from jupyter_mcp_ext.kernels.links.transports import link_to
from jupyter_mcp_ext.kernels.losses import Loss
from jupyter_mcp_ext.sessions.disk.folder import SessionFolder
from jupyter_mcp_ext.sessions.saving import snapshots
from jupyter_mcp_ext.sessions.saving.snapshot import Restored, Snapshot
from tests import forked_kernels

from . import FOLDER, State, packed

Outcome = Literal["equal", "named", "wrong"]

EFFECTS = "effects.txt"
"""The file to which cells write a word for each effect that must not be repeated."""

HIDDEN = """
import sys

class Hides:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "cloudpickle":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hides())
"""
"""A ``sitecustomize`` of an environment in which cloudpickle is not installed."""

SECONDS = 60.0

AT_ONCE = 2
"""Sessions that are tested at the same time."""

TOGETHER = 60
"""States that share a session at most."""

KEY = secrets.token_bytes(32)

Look = Mapping[str, Sequence[tuple[str, str]]]
"""The observed expressions and values of each state."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One entry of a restored session's list of what is missing or changed."""

    text: str
    name: str = ""
    """The variable; empty if it is about the process, or unknown."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome of a state."""

    outcome: Outcome
    why: str = ""
    """The difference, or the notice."""


@dataclass(kw_only=True)
class Session:
    """A kernel and the snapshots of its variables."""

    manager: Any
    folder: Path
    kept: SessionFolder
    env: Mapping[str, str]
    link: KernelLink
    cells: list[str]

    async def run(self, cell: str) -> Content:
        """Run a cell to its end."""
        said: list[str] = []
        exchange = self.link.execute(
            cell,
            on_message=lambda kind, content: said.append(f"{kind} {content}"),
            on_begin=lambda: None,
            on_dropped=lambda _: None,
        )
        reply = await exchange.finished()
        self.link.forget(exchange)
        return {**reply, "said": said}

    async def work(self, states: Sequence[State]) -> None:
        """Run the cells of the states."""
        for state in states:
            for place, cell in enumerate(state.cells):
                reply = await self.run(cell)
                fails = bool(state.fails) and place == len(state.cells) - 1
                assert (reply["status"] == "error") == fails, (state.name, reply.get("evalue"))
                self.cells.append(cell)

    async def look(self, states: Sequence[State]) -> Look:
        """Evaluate the probes of the states."""
        source = (FOLDER / "in_kernel.py").read_text(encoding="utf-8")
        reply = await self.run("None")
        shown = ("'displays'", str(sum(text.startswith("display_data") for text in reply["said"])))
        probes = {state.name: state.probe for state in states}
        seen = await evaluate(self.link, source, "look", {"probes": probes}, timeout=SECONDS)
        return {
            state.name: [*map(tuple, seen[state.name]), *([shown] if state.shows else [])]
            for state in states
        }

    async def save(self) -> Snapshot:
        """Save the variables."""
        return await snapshots.save(
            self.link,
            self.kept,
            key=KEY,
            session_id="s",
            owner="alice",
            after=len(self.cells),
            max_bytes=10**9,
            seconds=SECONDS,
            patience=SECONDS,
        )

    async def restore(self) -> Restored:
        """Lose the kernel, and restore the variables in a new one."""
        await self.end()
        self.manager, self.link = await _started(self.folder, self.env)
        return await snapshots.restore(
            self.link,
            self.kept,
            key=KEY,
            session_id="s",
            owner="alice",
            seconds=SECONDS,
        )

    async def end(self) -> None:
        """End the kernel."""
        self.link.lose(Loss(kind="stopped", detail="lost"))
        await self.manager.shutdown_kernel()

    def effects(self) -> Counter[str]:
        """How often each effect that must not be repeated happened."""
        file = self.folder / EFFECTS
        return Counter(file.read_text().split() if file.exists() else [])


@asynccontextmanager
async def session(folder: Path, *, has_cloudpickle: bool) -> AsyncIterator[Session]:
    """A session in a folder of its own."""
    folder.mkdir(parents=True)
    kept = SessionFolder(folder, "session")
    kept.make()
    env = dict(os.environ)
    if not has_cloudpickle:
        hides = folder.parent / "hides"  # the same for many, so that one process forks them
        hides.mkdir(exist_ok=True)
        (hides / "sitecustomize.py").write_text(HIDDEN)
        env["PYTHONPATH"] = str(hides)
    manager, link = await _started(folder, env)
    here = Session(manager=manager, folder=folder, kept=kept, env=env, link=link, cells=[])
    try:
        yield here
    finally:
        await here.end()


async def _started(folder: Path, env: Mapping[str, str]) -> tuple[Any, KernelLink]:
    # A socket's path has a hundred characters at most. They are removed with the kernel.
    sockets = str(Path(tempfile.gettempdir(), f"k{secrets.token_hex(6)}"))
    manager: Any = AsyncIOLoopKernelManager(kernel_name="python3", transport="ipc", ip=sockets)
    manager.kernel_spec.metadata["kernel_provisioner"] = {"provisioner_name": forked_kernels.NAME}
    await manager.start_kernel(cwd=str(folder), env=dict(env))
    link = link_to(secrets.token_hex(4), manager, logging.getLogger(__name__), Listener())
    await link.open(SECONDS)
    return manager, link


async def judge(
    states: Sequence[State], folder: Path, *, has_cloudpickle: bool
) -> dict[str, Verdict]:
    """The outcomes of states, each in a session with others that can share it.

    Those that are ended are for `unfinished`.
    """
    turn = asyncio.Semaphore(AT_ONCE)

    async def judge_group(number: int, group: Sequence[State]) -> dict[str, Verdict]:
        async with turn:
            return await judged(group, folder / str(number), has_cloudpickle=has_cloudpickle)

    possible = [
        state
        for state in states
        if not state.ends and (has_cloudpickle or not state.brings_cloudpickle)
    ]
    groups = packed(possible, TOGETHER)
    found = await asyncio.gather(*(judge_group(n, group) for n, group in enumerate(groups)))
    return {name: verdict for each in found for name, verdict in each.items()}


async def judged(
    states: Sequence[State], folder: Path, *, has_cloudpickle: bool
) -> dict[str, Verdict]:
    """Make the states in one session, lose it, restore it, and give the outcome of each."""
    async with session(folder, has_cloudpickle=has_cloudpickle) as here:
        await here.work(states)
        done = here.effects()
        saved = await here.save()
        repeated = here.effects() - done
        before = await here.look(states)
        done = here.effects()
        restored = await here.restore()
        repeated += here.effects() - done
        after = await here.look(states)
    return compared(states, before, after, list(notices(saved, restored)), repeated)


def compared(
    states: Sequence[State],
    before: Look,
    after: Look,
    said: Sequence[Notice],
    repeated: Mapping[str, int],
) -> dict[str, Verdict]:
    """The outcomes of states, by their observations before and after.

    ``said`` is what the session reports, ``repeated`` the effects that happened again.
    """
    return {
        state.name: _verdict(state, before[state.name], after[state.name], said, repeated)
        for state in states
    }


def notices(saved: Snapshot, restored: Restored) -> Iterator[Notice]:
    """All notices on what is missing or differs."""
    for skipped in saved.skipped:
        yield Notice(name=skipped.name, text=f"{skipped.name}: {skipped.why}")
    for failed in (*restored.failed, *restored.definitions_failed):
        yield Notice(name=failed.name, text=f"{failed.name}: {failed.why}")
    for hole in saved.holes:
        yield Notice(name=hole.name, text=f"{hole.name}{hole.where}: {hole.why}")
    for state in saved.unrestored:
        yield Notice(text=f"{state.name}: {state.why}")


def _verdict(
    state: State,
    before: Sequence[tuple[str, str]],
    after: Sequence[tuple[str, str]],
    said: Sequence[Notice],
    repeated: Mapping[str, int],
) -> Verdict:
    again = sorted({word for cell in state.cells for word in repeated if word in cell})
    if again:
        return Verdict(outcome="wrong", why=f"done again: {', '.join(again)}")
    told = []
    for (expression, was), (_, value) in zip(before, after, strict=True):
        if was == value:
            continue
        notice = _notice(state, expression, said)
        if notice is None:
            return Verdict(outcome="wrong", why=f"{expression} was {was} and is {value}")
        told.append(notice.text)
    return Verdict(outcome="named", why="; ".join(told)) if told else Verdict(outcome="equal")


def _notice(state: State, expression: str, said: Sequence[Notice]) -> Notice | None:
    """The notices that explain a changed expression."""
    used = {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}
    names = "|".join(map(re.escape, sorted(used & state.names)))
    for notice in said:
        if names and re.search(rf"(?<!\w)(?:{names})(?!\w)", notice.name or notice.text):
            return notice
        if state.says and not notice.name and re.search(state.says, notice.text, re.IGNORECASE):
            return notice
    return None
