"""What the bridge calls to send a file of the client's machine; models do not see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from jupyter_mcp_ext.files.uploads import Part
from jupyter_mcp_ext.wording import size

from .answer import Answer, text
from .call import Call
from .definition import tool
from .types import FolderSession

if TYPE_CHECKING:
    from jupyter_mcp_ext.sessions.session import Session


@tool(("write", "contents"), destructive=True, same_as="write_file")
async def receive_file(
    call: Call,
    path: str,
    upload: str,
    content: str = "",
    session: FolderSession = None,
    offset: Annotated[int, Field(ge=0)] = 0,
    sha256: str = "",
    overwrite: bool = False,
    drop: bool = False,
) -> Answer:
    """Take a part of a file, in base64; with sha256 it is the last one, and the file is saved."""
    uploads, folder = call.services.files.uploads, _folder(session)
    if drop:
        await uploads.drop(path, upload, folder=folder, hides=call.hides)
        return text("The upload is taken back.")
    part = Part(upload=upload, content=content, offset=offset, sha256=sha256, overwrite=overwrite)
    received = await uploads.receive(path, part, folder=folder, hides=call.hides)
    if received.is_whole:
        call.services.hints.changed(received.path)
        call.services.written.by_another(received.path)
    words = f"{received.path}: {size(received.size)}{'' if received.is_whole else ' so far'}"
    return text(words, file={"path": received.path, "size": received.size})


def _folder(session: Session | None) -> str:
    return "" if session is None else session.cwd
