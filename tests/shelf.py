"""A ContentsManager without a folder behind it, like those that use a database."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from jupyter_server.services.contents.manager import ContentsManager
from tornado.web import HTTPError


class Shelf(ContentsManager):
    """Keeps files, notebooks and folders in memory; its ``root_dir`` is Jupyter's default."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._models: dict[str, dict[str, Any]] = {"": {"type": "directory"}}

    def is_hidden(self, path: str) -> bool:
        return any(part.startswith(".") for part in path.split("/"))

    def dir_exists(self, path: str) -> bool:
        return self._type(path) == "directory"

    def file_exists(self, path: str = "") -> bool:
        return self._type(path) in ("file", "notebook")

    def get(
        self,
        path: str,
        content: bool = True,
        type: str | None = None,  # Jupyter's name
        format: str | None = None,
        require_hash: bool = False,
    ) -> dict[str, Any]:
        path = path.strip("/")
        kept = self._models.get(path)
        if kept is None or (type is not None and type != kept["type"]):
            raise HTTPError(404, f"nothing at {path}")
        inner = None
        if content and kept["type"] == "directory":
            below = [p for p in self._models if p and p.rpartition("/")[0] == path]
            inner = [self.get(p, content=False) for p in below]
        now = datetime.now(timezone.utc)
        return {
            "name": path.rpartition("/")[2],
            "path": path,
            "type": kept["type"],
            "created": now,
            "last_modified": now,
            "writable": True,
            "mimetype": None,
            "size": len(str(kept.get("content", ""))),
            "format": kept.get("format", "json") if content else None,
            "content": (inner if inner is not None else kept.get("content")) if content else None,
        }

    def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        path = path.strip("/")
        if not self.dir_exists(path.rpartition("/")[0]):
            raise HTTPError(404, "its folder does not exist")
        self._models[path] = {
            "type": model["type"],
            "format": model.get("format"),
            "content": model.get("content"),
        }
        return self.get(path, content=False)

    def delete_file(self, path: str, allow_non_empty: bool = False) -> None:
        del self._models[path.strip("/")]

    def rename_file(self, old_path: str, new_path: str) -> None:
        self._models[new_path.strip("/")] = self._models.pop(old_path.strip("/"))

    def _type(self, path: str) -> str | None:
        kept = self._models.get(path.strip("/"))
        return kept["type"] if kept is not None else None
