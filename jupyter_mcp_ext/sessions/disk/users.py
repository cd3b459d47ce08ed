"""The folder that each user has below Jupyter's root, by a template with the user's name."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache
from pathlib import Path

from traitlets import TraitError

from jupyter_mcp_ext.files.beneath import opened

USERNAME = "{username}"

PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-.")
"""What stands for itself; capitals do not, since there are file systems where case is nothing."""

MAX_LENGTH = 100
"""Characters of a name in a path; a longer one is cut, and told apart by its digest."""

DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
"""Names that Windows keeps for itself."""

_FOLDER = "[a-z0-9_.=-]+"


@lru_cache(maxsize=4096)
def folder_name(username: str) -> str:
    """A user's name as that of a folder: another one for each user, on every file system.

    What is not plain is ``=`` with two digits; ``==`` is followed by a digest.
    """
    data = username.encode("utf-8", "surrogatepass")
    escaped = "".join(chr(byte) if byte in PLAIN else f"={byte:02x}" for byte in data)
    if DEVICES.fullmatch(escaped) or escaped[:1] in (".", "-"):
        escaped = f"={data[0]:02x}{escaped[1:]}"
    if escaped.endswith("."):
        escaped = f"{escaped[:-1]}=2e"
    if not escaped or len(escaped) > MAX_LENGTH:
        digest = hashlib.sha256(data).hexdigest()
        return f"{escaped[: MAX_LENGTH - len(digest) - 2]}=={digest}"
    return escaped


class UserFolders:
    """The folders of users; with an empty ``template``, each has all of Jupyter's root."""

    def __init__(self, template: str, *, home: str = "") -> None:
        """``home`` is where kernels start, in each. Raises TraitError for an unusable template."""
        self._parts = _parts(template)
        self._template = "/".join(self._parts)
        self._home = "/".join(part for part in home.split("/") if part not in ("", "."))
        place = next((i for i, part in enumerate(self._parts) if USERNAME in part), 0)
        self.top = "/".join(self._parts[:place])
        """The API path of the folder in which those of all users are."""
        self.inside = tuple(self._parts[place + 1 :])
        """The parts of the path behind the one with the user's name."""
        self._pattern = re.compile(
            "/".join(
                re.escape(_composed(part)).replace(re.escape(USERNAME), _FOLDER)
                for part in self._parts
            )
            + "(?=/|$)",
            re.IGNORECASE,  # where case does not count, another spelling is the same folder
        )

    @property
    def is_on(self) -> bool:
        """Whether users have folders of their own."""
        return bool(self._parts)

    def of(self, subject: str) -> str:
        """The API path of a user's folder."""
        return self._template.replace(USERNAME, folder_name(subject)) if self.is_on else ""

    def around(self, path: str) -> str:
        """The folder of any user in which an API path is; empty if it is in none."""
        if not self.is_on or self._pattern.match(_composed(path)) is None:
            return ""
        return "/".join(path.split("/")[: len(self._parts)])

    def is_others(self, subject: str, path: str) -> bool:
        """Whether an API path is in the folder of another user."""
        folder = self.around(path)
        return bool(folder) and folded(folder) != folded(self.of(subject))

    def home(self, subject: str) -> str:
        """The API path of the folder in which a user's kernels start."""
        return self.join(subject, self._home)

    def join(self, subject: str, path: str) -> str:
        """The API path of what is at a path in a user's folder."""
        return "/".join(filter(None, (self.of(subject), path)))

    def has(self, subject: str, path: str) -> bool:
        """Whether an API path is a user's own folder, or below it."""
        if not self.is_on:
            return True
        own = self.of(subject)
        return path == own or path.startswith(f"{own}/")

    def leads_to(self, subject: str, path: str) -> bool:
        """Whether a user's own folder is below an API path."""
        return not path or self.of(subject).startswith(f"{path}/")


def folded(path: str) -> str:
    """A path as all of its spellings are that lead to one file where case does not count.

    Nor does it count there, on file systems of Apple, whether a letter has its accent in it.
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def _composed(path: str) -> str:
    """A path whose letters have their accents in them."""
    return unicodedata.normalize("NFC", path)


def make_private(root: Path, path: str) -> None:
    """Make a folder that only this account can open, with those above. Blocks. Raises OSError."""
    above, _, name = path.rpartition("/")
    with opened(root, above, make=True) as folder:
        folder.inner(name, make=True, mode=0o700).close()


def _parts(template: str) -> list[str]:
    if not template:
        return []
    parts = [part for part in template.split("/") if part not in ("", ".")]
    is_plain = not template.startswith("/") and ".." not in parts and "\\" not in template
    is_plain = is_plain and template.isprintable()
    named = [part for part in parts if USERNAME in part]
    if not is_plain or len(named) != 1 or named[0].count(USERNAME) != 1:
        msg = (
            f"McpSessions.user_dir is {template!r}; it must be a path relative to Jupyter's root "
            f"with {USERNAME} in it once, such as 'users/{USERNAME}'."
        )
        raise TraitError(msg)
    return parts
