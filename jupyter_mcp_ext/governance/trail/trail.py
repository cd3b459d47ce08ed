"""The configuration of the audit file, and what writes into it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir
from traitlets import Bool, Float, Int, Unicode
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext.errors import ToolError
from jupyter_mcp_ext.version import __version__

from .chain import PURPOSE, Signer
from .head import usual_place
from .log_file import Bounds, LogFile
from .place import AuditUnusable, FileLock, unfit
from .writer import PATIENCE, NotWritten, Writer, Written


class NotRecorded(ToolError):
    """A call is refused, since it cannot be recorded."""


class McpAudit(LoggingConfigurable):
    """A file with a signed record of each call, and of what happens to sessions and kernels."""

    path = Unicode(
        "",
        help="File that gets a record of each call, and of what happens to sessions and kernels. "
        "Each is signed together with the one before it, so that `jupyter mcp audit verify` finds "
        "what was changed, left out or cut off. Empty: there is none.",
    ).tag(config=True)
    max_bytes = Int(
        100_000_000,
        min=0,
        help="Bytes of the file after which it is put aside and a new one begun. 0: no limit.",
    ).tag(config=True)
    max_age = Float(
        0.0,
        min=0.0,
        help="Seconds after which the same is done. 0: no limit.",
    ).tag(config=True)
    keep = Int(
        0, min=0, help="Files that were put aside and are kept, the latest. 0: all of them."
    ).tag(config=True)
    head_path = Unicode(
        "",
        help="Second place, best on another disk, where the number and signature of the last "
        "record are kept, without which a cut end would not be noticed. Empty: a file in the "
        "folder jupyter_mcp_ext.audit of Jupyter's data directory.",
    ).tag(config=True)
    code = Bool(
        False,
        help="Whether the records have the code that is run, and not only its hash and length.",
    ).tag(config=True)
    fail_closed = Bool(
        False,
        help="Whether calls are refused that cannot be recorded: what changes something is "
        "recorded before it begins, and what only reads is answered once it is recorded.",
    ).tag(config=True)

    def __init__(self, *, key: Callable[[str], bytes], **kwargs: Any) -> None:
        """``key`` derives the server's key for a purpose."""
        super().__init__(**kwargs)
        self._key = key
        self._writer: Writer | None = None

    @property
    def is_on(self) -> bool:
        """Whether there is an audit file."""
        return bool(self.path)

    @property
    def fault(self) -> str:
        """Why the latest records could not be written; empty if they were, or are not to be."""
        return self._writer.fault if self._writer is not None else ""

    @property
    def file(self) -> Path:
        """The audit file."""
        return Path(os.path.abspath(Path(self.path).expanduser()))  # noqa: PTH100  # keeps links

    @property
    def head(self) -> Path:
        """The file with the head."""
        if self.head_path:
            return Path(os.path.abspath(Path(self.head_path).expanduser()))  # noqa: PTH100
        return usual_place(self.file, Path(jupyter_data_dir()))

    @property
    def signer(self) -> Signer:
        """Signs the records. Blocks at first."""
        return Signer(self._key(PURPOSE))

    @property
    def files(self) -> tuple[Path, ...]:
        """The files in which no kernel may look, nor write."""
        return (self.file, self.head) if self.is_on else ()

    def open(self, writable: Iterable[Path], *, is_confined: bool) -> None:
        """Begin to write.

        Agents can write in the folders ``writable``. ``is_confined``: their code runs in a
        sandbox. Blocks shortly; called on the event loop. Raises AuditUnusable.
        """
        if not self.is_on:
            return
        self._check_place(tuple(writable))
        bounds = Bounds(max_bytes=self.max_bytes, max_age=self.max_age, keep=self.keep)
        file = LogFile(self.file, self.head, self.signer, bounds, self.log)
        try:
            if not self.head_path:
                self.head.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.open({"version": __version__, "pid": os.getpid()})
        except (OSError, AuditUnusable) as err:
            file.close()
            why = err.strerror if isinstance(err, OSError) else err
            msg = f"McpAudit.path {str(self.file)!r} cannot be used: {why}"
            raise AuditUnusable(msg) from err
        if not is_confined:
            self.log.warning(
                "Code of agents runs without a sandbox, so it can read the server's key and "
                "change the audit file %s: set McpSandbox.mode.",
                self.file,
            )
        self._writer = Writer(file, self.log)
        self._writer.start()

    def put(self, data: Mapping[str, Any]) -> None:
        """Have something recorded soon."""
        if self._writer is not None:
            self._writer.put(data)

    async def begin(self, data: Callable[[], Mapping[str, Any]]) -> int | None:
        """Record, where that is needed, that a call begins which changes something.

        Returns the number of the record. Raises NotRecorded.
        """
        if self._writer is None or not self.fail_closed:
            return None
        return await self._written(self._writer.put_awaited(data()))

    async def answer(self, data: Mapping[str, Any]) -> None:
        """Record a call that only reads, before it is answered. Raises NotRecorded."""
        if self._writer is not None and self.fail_closed:
            await self._written(self._writer.put_awaited(data))
        else:
            self.put(data)

    async def room(self) -> None:
        """Return when not many records wait to be written."""
        if self._writer is not None:
            await self._writer.room()

    async def close(self) -> None:
        """Write what is left, and that the server has stopped."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.put({"kind": "closed"})
            await writer.close()

    async def _written(self, written: Written) -> int:
        why = f"the disk has not answered for {PATIENCE:g} s"
        try:
            return await asyncio.wait_for(written, PATIENCE)
        except NotWritten as err:
            why = str(err)
        except asyncio.TimeoutError:
            pass
        msg = (
            "This server does nothing that it cannot record, and its audit file cannot be "
            f"written: {why}. Tell its operator, and call again later."
        )
        raise NotRecorded(msg)

    def _check_place(self, writable: tuple[Path, ...]) -> None:
        named = {"path": self.file}
        if self.head_path:  # else it is where the server's key is
            named["head_path"] = self.head
        for trait, path in named.items():
            if why := _unfit(path):
                msg = f"McpAudit.{trait} {str(path)!r} cannot be used: {why}"
                raise AuditUnusable(msg)
            for folder in writable:
                if path.resolve().is_relative_to(folder.resolve()):
                    msg = (
                        f"McpAudit.{trait} {str(path)!r} is in {str(folder)!r}, where agents can "
                        "write. Choose a folder outside of it"
                    )
                    raise AuditUnusable(msg)
        if _is_one(self.head, self.file):
            msg = (
                f"McpAudit.head_path {str(self.head)!r} is the audit file itself, or its lock. "
                "Name another path"
            )
            raise AuditUnusable(msg)


def _unfit(path: Path) -> str:
    """Why a path cannot be used; empty if nothing is known against it."""
    try:
        return unfit(path)
    except OSError as err:
        return err.strerror or str(err)


def _is_one(head: Path, file: Path) -> bool:
    """Whether the head is the audit file, or its lock."""
    others = (file, FileLock(file, trait="path").path)
    if any(head.resolve() == other.resolve() for other in others):
        return True
    return head.exists() and any(other.exists() and head.samefile(other) for other in others)
