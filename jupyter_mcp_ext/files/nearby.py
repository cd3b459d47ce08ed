"""The error for a file that does not exist: it suggests similar names."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePosixPath

from tornado.web import HTTPError

from jupyter_mcp_ext.errors import ContentsError, did_you_mean
from jupyter_mcp_ext.outputs.characters import argument

from .gate import Gate
from .paths import Hides, quoted
from .storage import FileStorage

MAX_NAMES = 1_000


async def missing(
    path: str,
    *,
    folder: str,
    hides: Hides,
    gate: Gate,
    storage: FileStorage,
    noun: str = "file",
    suffix: str = "",
) -> ContentsError:
    """The error for an API path without a file; ``folder`` is the session's that it was in.

    With a ``suffix`` only names that end so are like its own, which may leave it out.
    """
    inside = folder and path.startswith(f"{folder}/")
    plain = path[len(folder) + 1 :] if inside else ""
    if plain and await _is_there(plain, hides, gate, storage):
        return ContentsError(
            f"There is no {noun} {quoted(path)}, but {quoted(plain)} is in Jupyter's root: leave "
            "out session_id."
        )
    above, wrong = PurePosixPath(path).parent, PurePosixPath(path)
    while str(above) != "." and not await _is_there(str(above), hides, gate, storage):
        above, wrong = above.parent, above
    names = await _names(str(above), hides, gate, storage)
    if str(wrong) == path:
        near = did_you_mean(
            wrong.name.removesuffix(suffix),
            [name.removesuffix(suffix) for name in names if name.endswith(suffix)],
        )
        what = noun
    else:
        near, what = did_you_mean(wrong.name, names), "folder"
    return ContentsError(
        f"There is no {what} {quoted(str(wrong))}.{near} list_files({argument(str(above))}) shows "
        "what there is."
    )


async def _is_there(path: str, hides: Hides, gate: Gate, storage: FileStorage) -> bool:
    with suppress(ContentsError, HTTPError, OSError):
        return await storage.find((await gate.place(path, hides)).real) is not None
    return False


async def _names(folder: str, hides: Hides, gate: Gate, storage: FileStorage) -> list[str]:
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
