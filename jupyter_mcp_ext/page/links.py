"""Links that add this server to a client with one click; none has the token."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_mcp_ext.connect import Snippet


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link that only the client itself understands, if it is installed."""

    client: str
    href: str


def links(snippets: Iterable[Snippet]) -> tuple[Link, ...]:
    """The links of those clients that have a scheme of their own, with what their snippets say."""
    made = ((snippet.client, _href(snippet)) for snippet in snippets)
    return tuple(Link(client=client, href=href) for client, href in made if href)


def _href(snippet: Snippet) -> str:
    match snippet.client:
        case "VS Code":
            known = json.loads(snippet.text)
            [(name, server)] = known["servers"].items()
            entry = {"name": name, **server, "inputs": known["inputs"]}
            return f"vscode:mcp/install?{quote(_json(entry), safe='')}"
        case "Cursor":
            [(name, server)] = json.loads(snippet.text)["mcpServers"].items()
            config = base64.b64encode(_json(server).encode()).decode()
            query = f"name={quote(name, safe='')}&config={quote(config, safe='')}"
            return f"cursor://anysphere.cursor-deeplink/mcp/install?{query}"
        case _:
            return ""


def _json(entry: Mapping[str, Any]) -> str:
    # VS Code decodes what it has decoded already: a percent sign of the address must outlast it.
    return json.dumps(entry, separators=(",", ":")).replace("%", "\\u0025")
