"""The search through the files below a folder, within limits of time and size."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tornado.web import HTTPError

from jupyter_mcp_ext.errors import InvalidArgument
from jupyter_mcp_ext.files.contents import explained, irregular
from jupyter_mcp_ext.files.gate import Gate
from jupyter_mcp_ext.files.listing import Glob
from jupyter_mcp_ext.files.nearby import missing
from jupyter_mcp_ext.files.paths import Hides, quoted
from jupyter_mcp_ext.files.storage import MAX_BYTES, Below, FileStorage, IsApart
from jupyter_mcp_ext.notebooks.reading.document import Live
from jupyter_mcp_ext.outputs.model import Json
from jupyter_mcp_ext.rendering.turns import FairTurns

from .hits import FileHits, Passed
from .inside import NOTEBOOK, Look
from .query import Query

PATIENCE = 20.0
"""Seconds after which a search ends with what it has found."""

COUNTING = 1.0
"""Seconds up to which the hits behind a full page are counted."""

BATCH = 50
"""Files that are given to a thread at once."""

AT_ONCE = 2
"""Searches that run at once; more of them would keep the event loop waiting."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What of a search is wanted."""

    outputs: bool
    context: int
    offset: int
    limit: int


@dataclass(kw_only=True)
class Findings:
    """What a search has found so far."""

    path: str
    """Where it began."""
    below: Below
    files: list[FileHits] = field(default_factory=list)
    """Those with hits of the page; their hits are those of the page."""
    others: list[FileHits] = field(default_factory=list)
    """Those of which there is nothing on the page, without their hits."""
    passed: list[Passed] = field(default_factory=list)
    hits: int = 0
    looked: int = 0
    """Files that were looked at, also those that were passed."""

    @property
    def is_whole(self) -> bool:
        """Whether every file was looked at."""
        return self.looked == len(self.below.paths)

    def add(self, found: FileHits | Passed | None, wanted: Wanted) -> None:
        """Add what was found in the next file."""
        self.looked += 1
        if isinstance(found, Passed):
            self.passed.append(found)
        if not isinstance(found, FileHits):
            return
        first = max(wanted.offset - self.hits, 0)
        last = max(wanted.offset + wanted.limit - self.hits, 0)
        self.hits += found.total
        hits = found.hits[first:last]
        (self.files if hits else self.others).append(
            FileHits(path=found.path, hits=hits, total=found.total)
        )


class FileSearch:
    """Searches the files that a gate lets through, and the notebooks that people have open."""

    def __init__(self, gate: Gate, storage: FileStorage, live: Live) -> None:
        self._gate = gate
        self._storage = storage
        self._live = live
        self._turns = FairTurns(AT_ONCE)

    async def search(
        self,
        query: Query,
        wanted: Wanted,
        *,
        path: str,
        glob: str | None,
        hides: Hides,
        is_apart: IsApart,
    ) -> Findings:
        """Search a file, or what is below a folder. Raises ContentsError, InvalidArgument.

        A ``glob`` without a slash is about names at any depth.
        """
        place = await self._gate.place(path, hides)
        try:
            entry = await self._storage.find(place.real)
            if entry is None:
                raise await missing(
                    place.path, folder="", hides=hides, gate=self._gate, storage=self._storage
                )
            if entry.kind == "folder":
                below = await self._storage.below(
                    place.real,
                    _everywhere(glob),
                    refuses=lambda path: self._gate.leaves_out(path, hides),
                    is_apart=is_apart,
                )
            elif entry.kind == "file":
                below = Below(paths=(place.real,))
            else:
                raise irregular(place.path)
        except (HTTPError, OSError) as err:
            raise explained(err, f"{quoted(place.path or '.')} could not be searched") from err
        findings = Findings(path=place.path, below=below)
        try:
            await self._look(query, wanted, findings)
        finally:
            await asyncio.to_thread(query.close)
        return findings

    async def _look(self, query: Query, wanted: Wanted, findings: Findings) -> None:
        begun = time.monotonic()
        paths = findings.below.paths
        enough = wanted.offset + wanted.limit
        while not findings.is_whole:
            spent = time.monotonic() - begun
            if spent > (COUNTING if findings.hits >= enough else PATIENCE):
                return
            batch = paths[findings.looked : findings.looked + BATCH]
            look = Look(
                query=query,
                outputs=wanted.outputs,
                context=wanted.context,
                most=max(enough - findings.hits, 0),
                live=await self._open(batch),
            )
            async with self._turns.turn(findings.path):
                for found in await self._storage.looked(batch, MAX_BYTES, look):
                    findings.add(found, wanted)

    async def _open(self, paths: Sequence[str]) -> dict[str, Callable[[], Json]]:
        notebooks = [path for path in paths if path.lower().endswith(NOTEBOOK)]
        found = {path: await self._live(path) for path in notebooks if path.isprintable()}
        return {path: copied.read for path, copied in found.items() if copied is not None}


def _everywhere(glob: str | None) -> Glob:
    pattern = (glob or "").strip() or "**"
    found = Glob.of(pattern if "/" in pattern else f"**/{pattern}")
    if found is None or not found.parts:  # nothing but dots and slashes
        msg = f"The glob {quoted(pattern)} names no file. Give one like *.py or docs/**."
        raise InvalidArgument(msg)
    return found
