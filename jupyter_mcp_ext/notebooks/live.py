"""Notebooks that people have open together: their room has the truth, and the file follows it.

The rooms are those of jupyter_server_ydoc, or of an extension that answers as it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from logging import Logger
from typing import Any

from jupyter_mcp_ext.outputs.model import Json

ROOMS = "jupyter_server_ydoc"
"""The key of Jupyter's settings under which the extension that has the rooms is found."""


class LiveNotebook:
    """A notebook in a room; what is changed here shows at once, and the room saves it."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._meta = document.ydoc["meta"]

    @property
    def is_loaded(self) -> bool:
        """Whether its content is loaded: a room exists a moment before it has read the file."""
        return "nbformat" in self._meta

    @property
    def metadata(self) -> dict[str, Any]:
        """The notebook's metadata."""
        found = self._meta.to_py().get("metadata")
        return found if isinstance(found, dict) else {}

    @property
    def cell_ids(self) -> set[str]:
        """The ids of its cells."""
        return {str(cell["id"]) for cell in self._document.ycells if "id" in cell}

    def copied(self) -> Callable[[], Json]:
        """What gives its content as nbformat has it; call that in a thread."""
        update, kind = self._document.ydoc.get_update(), type(self._document)

        def read() -> Json:
            copy = kind()
            copy.ydoc.apply_update(update)
            content: Json = copy.get()
            return content

        return read

    def append(self, cells: Sequence[Mapping[str, Any]], metadata: Mapping[str, Any]) -> None:
        """Add nbformat's cells at its end, and set these keys of its metadata."""
        with self._document.ydoc.transaction():
            for cell in cells:
                self._document.append_cell(_as_in_javascript(cell))
            if "metadata" in self._meta:
                for key, value in metadata.items():
                    self._meta["metadata"][key] = _as_in_javascript(value)


class Rooms:
    """The rooms of a server; ``settings`` are those of Jupyter's web application."""

    def __init__(self, settings: Mapping[str, Any], log: Logger) -> None:
        self._settings = settings
        self._log = log

    async def notebook(self, path: str) -> LiveNotebook | None:
        """The notebook that people have open under an API path; None when it is not open."""
        extension: Any = self._settings.get(ROOMS)  # now: it may be loaded after us
        if not hasattr(extension, "get_document"):
            return None
        try:
            document = await extension.get_document(
                path=path, content_type="notebook", file_format="json", copy=False
            )
        except Exception:  # noqa: BLE001  # another package's; without an answer there is no room
            self._log.exception("Whether %s is open in a room could not be determined", path)
            return None
        return None if document is None else LiveNotebook(document)

    async def reader(self, path: str) -> Callable[[], Json] | None:
        """What reads the notebook that people have open under a path, to be called in a thread."""
        found = await self.notebook(path)
        return found.copied() if found is not None and found.is_loaded else None


def _as_in_javascript(value: Any) -> Any:
    """A copy as browsers can take it.

    Its numbers are floats, since others come as BigInt, which is no JSON; half a surrogate pair
    is no text in a room.
    """
    match value:
        case bool():
            return value
        case int():
            return float(value)
        case Mapping():
            return {key: _as_in_javascript(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_as_in_javascript(inner) for inner in value]
        case str():
            return value.encode(errors="replace").decode()
        case _:
            return value
