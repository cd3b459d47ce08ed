"""Which arguments are accepted: PEP 508 requirements, and nothing that is an option."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from jupyter_mcp_ext.errors import Forbidden, InvalidArgument, shown

MAX_REQUIREMENTS = 100
MAX_CHARACTERS = 1_000
"""Of one requirement."""

EXAMPLE = "Pass one package like 'pandas>=2', or a list of several."

VCS = re.compile(r"(?:git|hg|svn|bzr)(?:\+|@)|(?:git|hg|svn|bzr)://", re.IGNORECASE)
URL = re.compile(r"[a-z][a-z0-9+.-]{0,40}:/", re.IGNORECASE)
PATH = re.compile(r"[./~\\]|[^\s;]*[/\\]")
ARCHIVE = re.compile(r".*\.(?:whl|zip|tar|tar\.\w+|tgz|tbz)", re.IGNORECASE)
"""Names that installers read as files."""


def parse(package: str | Sequence[str], *, allow_urls: bool = False) -> tuple[Requirement, ...]:
    """The requirements that an argument names. Raises InvalidArgument, Forbidden.

    ``allow_urls`` lets a requirement say where its package is from (``name @ https://…``).
    """
    given = _listed(package)
    if not given:
        msg = f"No package is named. {EXAMPLE}"
        raise InvalidArgument(msg)
    if len(given) > MAX_REQUIREMENTS:
        msg = f"{len(given)} packages are named, {MAX_REQUIREMENTS} can be. Ask for fewer at once."
        raise InvalidArgument(msg)
    return tuple(_parsed(words, allow_urls=allow_urls) for words in given)


def name_of(requirement: Requirement) -> str:
    """The package's name as indexes compare names."""
    return canonicalize_name(requirement.name)


def _listed(package: str | Sequence[str]) -> list[str]:
    if not isinstance(package, str):
        return list(package)
    if package.lstrip().startswith("["):  # a list that arrived as text: no package begins so
        try:
            found = json.loads(package)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list) and all(isinstance(each, str) for each in found):
            return found
    return [package]


def _parsed(given: str, *, allow_urls: bool) -> Requirement:
    words = given.strip(" \t")
    if len(words) > MAX_CHARACTERS:
        msg = f"{shown(given)} is longer than {MAX_CHARACTERS} characters. {EXAMPLE}"
        raise InvalidArgument(msg)
    if not words.isprintable():
        msg = (
            f"{shown(given)} has a newline or control character in it, which no requirement may. "
            f"{EXAMPLE}"
        )
        raise InvalidArgument(msg)
    if words.startswith("-"):
        msg = (
            f"{shown(given)} is an option of an installer, and options are not taken here. "
            f"{EXAMPLE}"
        )
        raise InvalidArgument(msg)
    try:
        requirement = Requirement(words)
    except InvalidRequirement:
        raise _refusal(given, words, allow_urls=allow_urls) from None
    if ARCHIVE.fullmatch(requirement.name):
        raise _no_paths(given)
    if requirement.url is not None:
        _check_url(given, requirement.url, allow_urls=allow_urls)
    return requirement


def _check_url(given: str, url: str, *, allow_urls: bool) -> None:
    if not allow_urls:
        raise _no_urls(given)
    if not URL.match(url) or "${" in url:  # installers put variables of their environment in
        msg = f"{shown(given)} has no plain URL after the @. Write 'name @ https://…'."
        raise InvalidArgument(msg)


def _refusal(given: str, words: str, *, allow_urls: bool) -> InvalidArgument | Forbidden:
    """Why a text is not a requirement."""
    is_url = VCS.match(words) or URL.match(words)
    if (is_url or "@" in words) and not allow_urls and (is_url or URL.search(words)):
        return _no_urls(given)
    if is_url:
        return InvalidArgument(f"{shown(given)} names no package. Write 'name @ {words[:200]}'.")
    if PATH.match(words):
        return _no_paths(given)
    return InvalidArgument(f"{shown(given)} is not a package requirement (PEP 508). {EXAMPLE}")


def _no_paths(given: str) -> InvalidArgument:
    return InvalidArgument(
        f"{shown(given)} is a path, and paths are not taken here: only names of packages are. "
        f"{EXAMPLE}"
    )


def _no_urls(given: str) -> Forbidden:
    return Forbidden(
        f"{shown(given)} says where its package is from, and this server installs from its index "
        f"only (McpPackages.allow_urls). {EXAMPLE}"
    )
