"""The links that add a server to a client, at addresses of any kind."""

from __future__ import annotations

import base64
import json
import re
import shlex
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from jupyter_mcp_ext.connect import snippets
from jupyter_mcp_ext.page.links import links

ADDRESSES = [
    "http://localhost:8888/mcp",
    "https://hub.example/user/a%40b%2Fc%22%3E/mcp",
    "http://[::1]:8888/a+b&c=d/mcp",
    "http://b\u00fccher.example/\u202e/mcp",
    'http://x.example/"}, "command": "sh", "a": {"</script><img src=x onerror=alert(1)>%%22/mcp',
    "http://x.example/$(touch owned)`touch owned`'; touch owned #\n\\/mcp",
]


def of_vs_code(href: str, times: int) -> dict[str, Any]:
    """What VS Code reads: releases differ in how often they decode."""
    text = href.removeprefix("vscode:mcp/install?")
    for _ in range(times):
        text = unquote(text, errors="strict")
    entry: dict[str, Any] = json.loads(text)
    return entry


@pytest.mark.parametrize("address", ADDRESSES)
def test_clients_read_the_address_as_it_is_and_nothing_else(address: str) -> None:
    vs_code, cursor = links(snippets(address))

    for times in (1, 2, 3):
        entry = of_vs_code(vs_code.href, times)
        assert entry.keys() == {"name", "type", "url", "headers", "inputs"}
        assert (entry["type"], entry["url"]) == ("http", address)
    query = parse_qs(urlsplit(cursor.href).query, strict_parsing=True)
    config = json.loads(base64.b64decode(query["config"][0], validate=True))
    assert query.keys() == {"name", "config"}
    assert config.keys() == {"url", "headers"}
    assert config["url"] == address


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_link_has_only_characters_of_addresses(address: str) -> None:
    for link in links(snippets(address)):
        assert re.fullmatch(r"[a-z]+:[A-Za-z0-9%._~/?&=-]+", link.href), link.href


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_commands_that_are_copied_have_the_address_as_one_word(address: str) -> None:
    commands = [snippet.text for snippet in snippets(address) if snippet.where == "Run"]

    assert commands
    for command in commands:
        assert address in shlex.split(command)


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_configuration_of_codex_has_the_address_in_one_string(address: str) -> None:
    [codex] = [snippet.text for snippet in snippets(address) if snippet.client == "Codex"]

    lines = codex.split("\n")
    [value] = [line.removeprefix("url = ") for line in lines if line.startswith("url = ")]

    assert len(lines) == 4
    assert json.loads(value) == address  # a string of TOML has the escapes of JSON
