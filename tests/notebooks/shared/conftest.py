"""A server with rooms of both packages, one after the other: ``shared``.

A test that is about one of them alone sets ``kind``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .server import Kind, Shared, config


@pytest.fixture(params=["jupyter_server_ydoc", "jupyter_server_documents"])
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def jp_server_config(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)  # where the rooms' database is
    return config(kind)


@pytest.fixture
def shared(
    kind: Kind,
    jp_serverapp: Any,
    jp_fetch: Any,
    jp_http_port: int,
    jp_auth_header: dict[str, str],
    jp_asyncio_loop: asyncio.AbstractEventLoop,
) -> Iterator[Shared]:
    found = Shared(
        serverapp=jp_serverapp,
        kind=kind,
        fetch=jp_fetch,
        port=jp_http_port,
        headers=jp_auth_header,
    )
    found.make("a = 1", "b = 2")
    yield found
    jp_asyncio_loop.run_until_complete(found.unsaved.close())
