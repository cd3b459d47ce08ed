"""The command that starts this program again from a client, which has another PATH."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

PACKAGE = "jupyter-mcp-ext"

_NAME = "jupyter-mcp"
_EXE = ".exe" if os.name == "nt" else ""
_CACHED = re.compile(r"(archive|environments|builds)-v\d+")
"""Folders of uv's cache that have environments."""

_TAG = "CACHEDIR.TAG"


def program(folders: Iterable[str] | None = None) -> tuple[str, ...]:
    """The command of this environment by its whole path, or of uvx where it will not stay.

    ``folders`` may have it; where none has, its Python runs it.
    """
    if folders is None:
        if is_cached(Path(sys.prefix)):
            return by_uvx(os.environ)
        user = sysconfig.get_preferred_scheme("user")
        folders = (sysconfig.get_path("scripts"), sysconfig.get_path("scripts", user))
    paths = (Path(folder) / f"{_NAME}{_EXE}" for folder in folders)
    found = next((path for path in paths if path.is_file()), None)
    if found:
        return (str(found),)
    # Clients start it in the folders of projects, where Python would look for modules first.
    unsafe = ("-P",) if sys.version_info >= (3, 11) else ()
    return (sys.executable, *unsafe, "-m", "jupyter_mcp_ext")


def is_cached(prefix: Path) -> bool:
    """Whether an environment is in the cache of uv, from which it vanishes."""
    return any(
        _CACHED.fullmatch(inner.name) is not None and (inner.parent / _TAG).is_file()
        for inner in prefix.parents
    )


def by_uvx(env: Mapping[str, str]) -> tuple[str, ...]:
    """The command by which uvx makes such an environment again.

    uv names itself in the environment of what it runs.
    """
    beside = Path(env["UV"]).with_name(f"uvx{_EXE}") if env.get("UV") else None
    uvx = str(beside) if beside and beside.is_file() else shutil.which("uvx") or "uvx"
    try:
        source = source_of(distribution(PACKAGE))
    except PackageNotFoundError:
        source = PACKAGE
    return (uvx, "--from", source, _NAME)


def source_of(package: Distribution) -> str:
    """What installs a package again: its name and version, or where it came from."""
    try:
        about = json.loads(package.read_text("direct_url.json") or "{}")
    except ValueError:
        about = {}
    url = str(about.get("url", ""))
    if vcs := about.get("vcs_info"):
        return f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    if url.startswith("file:"):
        return url2pathname(urlsplit(url).path)
    return url or f"{package.name}=={package.version}"
