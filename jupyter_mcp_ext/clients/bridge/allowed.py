"""Which files of the client's machine may be sent and written: those in folders that are allowed.

A path is resolved first, and then opened part by part beneath its allowed folder without following
links, so that a link which is put there in between leads nowhere.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jupyter_mcp_ext.files import beneath
from jupyter_mcp_ext.files.beneath import Folder
from jupyter_mcp_ext.files.sensitive import SENSITIVE, Sensitive
from jupyter_mcp_ext.system import lock

_MARK, _END = ".jupyter-download-", ".part"
"""What the names of drafts begin and end with."""

PRIVATE = (
    *SENSITIVE,
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.kdbx", "*.keystore", "*.jks"),
    *(".azure/", ".config/", ".kube/", ".password-store/", ".mozilla/", ".local/", "keychains/"),
    *(".bash_history", ".zsh_history", ".python_history", ".pgpass", ".my.cnf", ".vault-token"),
)
"""Names that are refused on the client's machine, which has more secrets than a server's root."""


class NotAllowed(Exception):
    """A file may not be used; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a file of the client's machine is, or will be."""

    root: Path
    """The allowed folder, without symbolic links."""
    folder: str
    """From there to the file's folder, with slashes."""
    name: str
    shown: str
    """As the person knows it."""


class Allowed:
    """The folders that may be used. All of it blocks: call it in a thread."""

    def __init__(self, folders: Sequence[str], max_bytes: int) -> None:
        """Raises NotAllowed for what is no folder, or one of secrets."""
        self.max_bytes = max_bytes
        self._secrets = Sensitive(PRIVATE)
        self.folders = tuple(self._folder(each) for each in folders)

    def __bool__(self) -> bool:
        return bool(self.folders)

    @property
    def words(self) -> str:
        """The folders, for a model."""
        return ", ".join(map(str, self.folders))

    def place(self, path: str, *, name: str = "") -> Place:
        """What a path means; one that is relative starts from the first folder.

        ``name`` is that of the file if the path is a folder. Raises NotAllowed.
        """
        if not path.strip() or "\0" in path:
            msg = f"{path!r} is not a path. Give the path of a file in {self.words}."
            raise NotAllowed(msg)
        try:
            named = self.folders[0] / Path(path).expanduser()
            if name and named.is_dir():
                named /= name
            real = Path(os.path.realpath(named))
        except (OSError, RuntimeError):  # a link that is replaced just now; ~ of no account
            msg = f"{path!r} cannot be resolved. Give the path of a plain file in {self.words}."
            raise NotAllowed(msg) from None
        for root in self.folders:
            if real.is_relative_to(root) and real != root:
                inner = real.relative_to(root)
                if inner.as_posix() in self._secrets or named.name in self._secrets:
                    msg = (
                        f"{path!r} has the name of a file with secrets, which is not used here. "
                        "Ask the person for what you need of it."
                    )
                    raise NotAllowed(msg)
                folder = "" if inner.parent == Path() else inner.parent.as_posix()
                return Place(root=root, folder=folder, name=inner.name, shown=str(named))
        msg = f"{path!r} is not in a folder that is allowed. Use a path in {self.words}."
        raise NotAllowed(msg)

    @contextmanager
    def reading(self, place: Place) -> Iterator[tuple[int, int]]:
        """The descriptor and the size of a file. Raises NotAllowed."""
        with _told(place), beneath.opened(place.root, place.folder) as folder:
            descriptor = folder.open(place.name, os.O_RDONLY)
        try:
            size = os.fstat(descriptor).st_size
            self.check(size, place.shown)
            yield descriptor, size
        finally:
            os.close(descriptor)

    def check(self, size: int, shown: str) -> None:
        """Raises NotAllowed for a file that is too large."""
        if size > self.max_bytes:
            msg = (
                f"{shown!r} has {size:,} bytes, and at most {self.max_bytes:,} are copied. "
                "The person can raise --max-bytes."
            )
            raise NotAllowed(msg)

    @contextmanager
    def writing(self, place: Place, *, overwrite: bool) -> Iterator[Draft]:
        """A draft of a file, which gets its name when the block ends without an exception."""
        with _told(place), beneath.opened(place.root, place.folder, make=True) as folder:
            before = folder.stat(place.name)
            if before is not None and not stat.S_ISREG(before.st_mode):
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
            if before is not None and not overwrite:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            draft = Draft(folder)
            try:
                yield draft
                draft.publish(place.name, overwrite=overwrite)
            finally:
                draft.close()

    def _folder(self, named: str) -> Path:
        real = Path(os.path.realpath(Path(named).expanduser()))
        try:
            is_folder = stat.S_ISDIR(real.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            is_folder = False
        except OSError as err:  # a folder above it that is closed
            msg = f"{named!r} cannot be used: {err.strerror}. Name another with --allow-folder."
            raise NotAllowed(msg) from err
        if not is_folder:
            msg = f"There is no folder {named!r}. Name one that exists with --allow-folder."
            raise NotAllowed(msg)
        if real.as_posix() in self._secrets:
            msg = f"{named!r} is a folder of secrets, which is not allowed. Name another."
            raise NotAllowed(msg)
        return real


class Draft:
    """A file that is being written under another name.

    It is locked while its process lives, so that those of bridges that were killed are told apart.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        _clear(folder)
        self._name, self._descriptor = _made(folder)

    def write(self, data: bytes) -> None:
        """Add to it."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def sync(self) -> None:
        """Have all of it on the disk, which takes seconds for a large file."""
        os.fsync(self._descriptor)

    def publish(self, name: str, *, overwrite: bool) -> None:
        """Give it its name. Raises FileExistsError if that is taken and must not be replaced."""
        self.sync()
        if overwrite:
            self._folder.rename(self._name, name)
        else:
            self._folder.rename_new(self._name, name)

    def close(self) -> None:
        """Close it, and remove what is left under the other name."""
        os.close(self._descriptor)
        self._folder.remove(self._name)


def _made(folder: Folder) -> tuple[str, int]:
    """The name and descriptor of a new draft, which is locked."""
    while True:
        name = f"{_MARK}{os.urandom(6).hex()}{_END}"
        descriptor = folder.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        lock(descriptor)
        if folder.stat(name) is not None:  # else another bridge has just removed it
            return name, descriptor
        os.close(descriptor)


def _clear(folder: Folder) -> None:
    """Remove the drafts of bridges that were killed."""
    for name in folder.names():
        if name.startswith(_MARK) and name.endswith(_END):
            with suppress(OSError):
                descriptor = folder.open(name, os.O_WRONLY)
                try:
                    if lock(descriptor):
                        folder.remove(name)
                finally:
                    os.close(descriptor)


@contextmanager
def _told(place: Place) -> Iterator[None]:
    """Turn failures of the file system into NotAllowed."""
    try:
        yield
    except FileExistsError:
        msg = f"{place.shown!r} exists already. Give another path, or overwrite=true to replace it."
        raise NotAllowed(msg) from None
    except FileNotFoundError:
        msg = f"There is no file {place.shown!r}. Give the path of one that exists."
        raise NotAllowed(msg) from None
    except OSError as err:
        why = (
            "a link leads elsewhere" if err.errno in (errno.ELOOP, errno.ENOTDIR) else err.strerror
        )
        msg = f"{place.shown!r} cannot be used: {why}. Give the path of a plain file."
        raise NotAllowed(msg) from None
