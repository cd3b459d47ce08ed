"""What to say of a file that is not there: what there is instead that is named like it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePosixPath

from tornado.web import HTTPError

from jupyter_mcp_ext.errors import ContentsError, did_you_mean

from .gate import Gate
from .paths import Hides, quoted
from .storage import Storage

MAX_NAMES = 1_000


async def missing(
    path: str, *, folder: str, hides: Hides, gate: Gate, storage: Storage
) -> ContentsError:
    """The error for an API path without a file; ``folder`` is the session's that it was in."""
    inside = folder and path.startswith(f"{folder}/")
    plain = path[len(folder) + 1 :] if inside else ""
    if plain and await _is_there(plain, hides, gate, storage):
        return ContentsError(
            f"There is no file {quoted(path)}, but {quoted(plain)} is in Jupyter's root: leave out "
            "session_id."
        )
    above, wrong = PurePosixPath(path).parent, PurePosixPath(path)
    while str(above) != "." and not await _is_there(str(above), hides, gate, storage):
        above, wrong = above.parent, above
    near = did_you_mean(wrong.name, await _names(str(above), hides, gate, storage))
    what = "file" if str(wrong) == path else "folder"
    return ContentsError(
        f'There is no {what} {quoted(str(wrong))}.{near} list_files("{above}") shows what there is.'
    )


async def _is_there(path: str, hides: Hides, gate: Gate, storage: Storage) -> bool:
    with suppress(ContentsError, HTTPError, OSError):
        return await storage.find((await gate.place(path, hides)).real) is not None
    return False


async def _names(folder: str, hides: Hides, gate: Gate, storage: Storage) -> list[str]:
    with suppress(ContentsError, HTTPError, OSError):
        found = await storage.listing(
            (await gate.place(folder, hides)).real,
            None,
            offset=0,
            limit=MAX_NAMES,
            refuses=lambda path: gate.leaves_out(path, hides),
            is_apart=lambda _: False,
        )
        return [PurePosixPath(entry.path).name for entry in found.entries]
    return []
