"""Tools that list, read, write and hand out files."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from jupyter_mcp_ext.files import file_words
from jupyter_mcp_ext.files.results import Binary, FileImage
from jupyter_mcp_ext.outputs.characters import escaped
from jupyter_mcp_ext.outputs.presentation import ImageBlock, TextBlock
from jupyter_mcp_ext.search import search_words
from jupyter_mcp_ext.search.query import Query
from jupyter_mcp_ext.search.searching import Wanted

from .answer import Answer, BlobBlock, text
from .call import Call
from .definition import tool
from .types import FolderSession

if TYPE_CHECKING:
    from jupyter_mcp_ext.sessions.session import Session

MAX_CONTEXT = 20
"""Lines that a search shows before and behind each match, at most."""

MAX_HITS = 500
"""Matches in one result, at most."""

MAX_BLOB = 700_000
"""Bytes of a file that one result embeds: with base64 they are just below a megabyte."""


@tool(("read", "contents"), read_only=True)
async def list_files(
    call: Call,
    path: str = ".",
    glob: Annotated[str | None, Field(description="`*.csv`, `**/*.py`.")] = None,
    session: FolderSession = None,
    offset: Annotated[int, Field(ge=0)] = 0,
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100,
) -> Answer:
    """List a folder, folders first, or what matches a glob below it."""
    services = call.services
    found = await services.files.listed(
        path or ".",
        glob,
        folder=_folder(session),
        hides=call.hides,
        is_apart=services.sessions.paths.is_sessions_folder,
        offset=offset,
        limit=limit,
    )
    words, shown = file_words.listing(found, glob=glob, limit=limit, room=services.limits.text)
    end = offset + shown
    return text(
        words,
        files={
            "folder": found.folder,
            "total": found.total,
            "entries": [{**asdict(e), "path": escaped(e.path)} for e in found.entries[:shown]],
            "next_offset": end if end < found.total and shown else None,
        },
    )


@tool(("read", "contents"), read_only=True)
async def search_files(
    call: Call,
    query: str,
    path: str = "",
    glob: str | None = None,
    regex: bool = False,
    outputs: bool = False,
    context: Annotated[int, Field(ge=0)] = 0,
    offset: Annotated[int, Field(ge=0)] = 0,
    limit: Annotated[int, Field(ge=1)] = 100,
) -> Answer:
    """Search (grep) a file, or files and notebooks in a folder: lines, cells by handle. Case counts
    if query has upper case.
    """
    services = call.services
    context, limit = min(context, MAX_CONTEXT), min(limit, MAX_HITS)
    given = {"path": path, "glob": glob, "regex": regex, "outputs": outputs, "context": context}
    found = await services.search.search(
        Query(query, is_regex=regex),
        Wanted(outputs=outputs, context=context, offset=offset, limit=limit),
        path=path or ".",
        glob=glob,
        hides=call.hides,
        is_apart=services.sessions.paths.is_sessions_folder,
    )
    again = search_words.Call(query=query, arguments=tuple((k, v) for k, v in given.items() if v))
    words, shown, following = search_words.words_of(
        found, again, offset=offset, room=services.limits.text
    )
    return text(words, search=search_words.data_of(found, shown, following))


@tool(("read", "contents"), read_only=True)
async def read_file(
    call: Call,
    path: str,
    session: FolderSession = None,
    offset: Annotated[int, Field(ge=1, description="First line.")] = 1,
    limit: Annotated[int, Field(ge=1)] = 500,
    column: Annotated[int, Field(ge=0)] = 0,
) -> Answer:
    """Read a text file (CSV, code, log) as numbered lines, or look at an image."""
    services = call.services
    folder = _folder(session)
    room = services.limits.text - 500
    found = await services.files.read(
        path,
        folder=folder,
        hides=call.hides,
        offset=offset,
        limit=limit,
        room=room,
        column=column,
    )
    if isinstance(found, Binary):
        return text(file_words.binary(found), file=asdict(found))
    meta = {"path": found.path, "size": found.size}
    if isinstance(found, FileImage):
        picture = ImageBlock(data=found.image.data, mime_type=found.image.mime_type)
        return Answer(
            blocks=(TextBlock(text=file_words.image(found)), picture), meta={"file": meta}
        )
    words, following = file_words.lines(found, limit=limit)
    return text(words, file={**meta, "total_lines": found.lines.total, "next": following})


@tool(("write", "contents"), destructive=True)
async def write_file(
    call: Call,
    path: str,
    content: str,
    session: FolderSession = None,
    encoding: Literal["text", "base64"] = "text",
    append: bool = False,
) -> Answer:
    """Upload, create, replace or append to a file."""
    folder = _folder(session)
    found = await call.services.files.write(
        path, content, folder=folder, hides=call.hides, encoding=encoding, append=append
    )
    call.services.hints.changed(found.path)
    call.services.written.by_another(found.path)
    return text(file_words.written(found), file={"path": found.path, "size": found.size})


@tool(("read", "contents"), ("write", "contents"), destructive=True)
async def edit_file(
    call: Call,
    path: str,
    old_string: str,
    new_string: str,
    session: FolderSession = None,
    replace_all: bool = False,
) -> Answer:
    """Replace text in a file; old_string must match once, unless replace_all."""
    folder = _folder(session)
    name, edit = await call.services.files.edit(
        path, old_string, new_string, folder=folder, hides=call.hides, replace_all=replace_all
    )
    call.services.hints.changed(name)
    call.services.written.by_another(name)
    return text(file_words.edited(name, edit), file={"path": name, "replacements": edit.count})


@tool(("read", "contents"), read_only=True)
async def download_file(
    call: Call,
    path: str,
    session: FolderSession = None,
    offset: Annotated[int, Field(ge=0)] = 0,
    limit: Annotated[int, Field(ge=0, le=MAX_BLOB)] = 0,
) -> Answer:
    """Get a file's URL, size, sha256 and up to `limit` bytes. Images: read_file."""
    folder = _folder(session)
    found = await call.services.files.download(
        path, folder=folder, hides=call.hides, offset=offset, limit=limit
    )
    url = call.origin + found.url
    words, following = file_words.download(found, url)
    blocks: tuple[TextBlock | BlobBlock, ...] = (TextBlock(text=words),)
    if found.data:
        blob = BlobBlock(data=found.data, mime_type=found.mime_type, uri=f"jupyter:{found.url}")
        blocks = (*blocks, blob)
    meta = {
        "path": found.path,
        "size": found.size,
        "sha256": found.sha256,
        "url": url,
        "mime_type": found.mime_type,
        "next": following,
    }
    return Answer(blocks=blocks, meta={"file": meta})


def _folder(session: Session | None) -> str:
    """The folder from which a call's paths are taken: the root, or the session's."""
    return "" if session is None else session.cwd
