"""The URIs of resources: ``jupyter://notebooks/a/b.ipynb`` and the like. No I/O.

Which paths and ids may be used is decided where they are looked up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from jupyter_mcp_ext.errors import InvalidArgument, shown

Kind = Literal["notebooks", "executions", "sessions"]

TEMPLATES: Mapping[Kind, str] = {
    "notebooks": "jupyter://notebooks/{path}",
    "executions": "jupyter://executions/{id}",
    "sessions": "jupyter://sessions/{id}",
}

MAX_LENGTH = 12_100
"""Characters of a URI: each of a path's can take twelve."""

_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<kind>[^/?#]*)/(?P<name>[^?#]*)")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, kw_only=True)
class Uri:
    """What a URI names: a kind of resource, and its path or id."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"jupyter://{self.kind}/{quote(self.name)}"


@dataclass(frozen=True, kw_only=True)
class ListOf:
    """The list of resources, as one user sees it."""

    subject: str


Name: TypeAlias = Uri | ListOf
"""What can be watched."""


def parse(uri: str) -> Uri:
    """What a client's URI names; slashes of a path may be escaped. Raises InvalidArgument."""
    if len(uri) > MAX_LENGTH:
        msg = f"The URI is over {MAX_LENGTH} characters. Shorten it."
        raise InvalidArgument(msg)
    parts = _URI.fullmatch(uri)
    kind = next((k for k in TEMPLATES if parts is not None and parts["kind"] == k), None)
    if parts is None or parts["scheme"].lower() != "jupyter" or kind is None:
        known = ", ".join(TEMPLATES.values())
        msg = f"There is no resource {shown(uri)}. The URIs here are {known}."
        raise InvalidArgument(msg)
    if _BAD_ESCAPE.search(parts["name"]):
        msg = f"The URI {shown(uri)} has a % that begins no escape. Write %25 for the character."
        raise InvalidArgument(msg)
    try:
        name = unquote_to_bytes(parts["name"]).decode()
    except UnicodeError:
        msg = f"The URI {shown(uri)} is not UTF-8. Escape the bytes of UTF-8 text."
        raise InvalidArgument(msg) from None
    return Uri(kind=kind, name=name)
