"""Which environment variables and which configuration installers get."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mcp_ext.sandbox.credentials import Credentials

NETWORK = (
    *("PIP_CERT", "PIP_CLIENT_CERT", "PIP_PROXY", "PIP_TRUSTED_HOST", "PIP_RETRIES"),
    *("PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT", "PIP_CACHE_DIR", "PIP_NO_CACHE_DIR"),
    *("PIP_ONLY_BINARY", "PIP_REQUIRE_VIRTUALENV", "PIP_KEYRING_PROVIDER"),
    *(
        "UV_CACHE_DIR",
        "UV_NO_CACHE",
        "UV_HTTP_TIMEOUT",
        "UV_HTTP_RETRIES",
        "UV_NATIVE_TLS",
        "UV_SYSTEM_CERTS",
    ),
    *("UV_INSECURE_HOST", "UV_CONCURRENT_*", "UV_LINK_MODE", "UV_KEYRING_PROVIDER"),
)
"""Variables that say how an index is reached, or that only forbid something. Other variables of
installers change what is installed and where, so they are left out."""

PIP_INDEX = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX")
UV_INDEX = (
    *("UV_INDEX", "UV_INDEX_*", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"),
    *("UV_NO_INDEX", "UV_CONFIG_FILE"),
)
INDEX = (
    *(*PIP_INDEX, "PIP_CONSTRAINT", "PIP_CONFIG_FILE"),
    *(*UV_INDEX, "UV_CONSTRAINT", "UV_EXCLUDE_NEWER", "UV_OFFLINE"),
)
"""Options that say where packages come from; `index_url` overrides all of them."""

PIP_KEYS = ("index-url", "extra-index-url", "find-links", "no-index")
"""The corresponding keys of pip's configuration files."""

FIXED = {
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_PROGRESS_BAR": "off",
    "UV_NO_PROGRESS": "1",
    "UV_PYTHON_DOWNLOADS": "never",
    "NO_COLOR": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONIOENCODING": "utf-8",
    "GIT_TERMINAL_PROMPT": "0",
}

CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
LOCAL = re.compile(r"(?:file://|(?<![\w:/.]))(?:/[^\s/'\"():,]+)+/")


def environment(
    base: Mapping[str, str], *, credentials: Credentials, index_url: str
) -> dict[str, str]:
    """The environment of an installer, which gets no ``credentials``.

    An index is named in it and not among the arguments: other users of the machine see those.
    """
    kept = NETWORK if index_url else (*NETWORK, *INDEX)
    env = {
        name: value
        for name, value in base.items()
        if not credentials.hides(name, value)
        and (not _is_any(name, ("PIP_*", "UV_*")) or _is_any(name, kept))
    }
    env.update(FIXED)
    if certificates := env.get("PIP_CERT") or env.get("REQUESTS_CA_BUNDLE"):
        env.setdefault("SSL_CERT_FILE", certificates)  # uv reads neither of the two
    if index_url:
        env.update(PIP_INDEX_URL=index_url, PIP_CONFIG_FILE=os.devnull)
        env.update(UV_DEFAULT_INDEX=index_url, UV_NO_CONFIG="1")
    return env


def names_index_for_pip(env: Mapping[str, str], prefix: str) -> bool:
    """Whether pip's configuration names an index. Blocks."""
    if any(env.get(name) for name in PIP_INDEX):
        return True
    return any(_names_index(path) for path in _pip_files(env, prefix))


def names_index_for_uv(env: Mapping[str, str]) -> bool:
    """Whether uv's configuration names an index; it does not read pip's. Blocks."""
    if any(value and _is_any(name, UV_INDEX) for name, value in env.items()):
        return True
    folders = (*_config_folders(env), Path("/etc"))
    return any((folder / "uv" / "uv.toml").exists() for folder in folders)


def scrubbed(line: str) -> str:
    """A line of an installer, without credentials and the folders of local files."""
    return LOCAL.sub("", CREDENTIALS.sub("", line))


def _is_any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _config_folders(env: Mapping[str, str]) -> tuple[Path, ...]:
    """Where programs keep their configuration (XDG)."""
    home = env.get("HOME") or os.path.expanduser("~")  # noqa: PTH111  # of the account, not of env
    own = env.get("XDG_CONFIG_HOME") or f"{home}/.config"
    return (Path(own), *map(Path, (env.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)))


def _pip_files(env: Mapping[str, str], prefix: str) -> list[Path]:
    """Where pip looks (https://pip.pypa.io/en/stable/topics/configuration/)."""
    named = env.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = Path(env.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111
    files = [folder / "pip" / "pip.conf" for folder in _config_folders(env)]
    files += [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", Path(prefix) / "pip.conf"]
    for library in (home / "Library", Path("/Library")):  # macOS
        files.append(library / "Application Support" / "pip" / "pip.conf")
    return [*files, Path(named)] if named else files


def _names_index(path: Path) -> bool:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
    except (ConfigError, UnicodeError, OSError):
        return True  # pip will say what is wrong with it
    return any(parser[section].get(key) for section in parser.sections() for key in PIP_KEYS)
