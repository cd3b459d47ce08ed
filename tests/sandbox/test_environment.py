"""Kernels of agents do not have the server's credentials in their environment."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.mcp_client import McpClient
from tests.servers import JupyterServer

from .test_credentials import AMAZON

LEAKED = "import os; sorted(name for name, value in os.environ.items() if value == 'leaked')"
SET = {**dict.fromkeys((*AMAZON, "HF_TOKEN", "MY_LICENCE"), "leaked"), "MY_REGION": "leaked"}


@pytest.fixture(scope="module")
def client(start_server: Callable[..., JupyterServer]) -> McpClient:
    options = ("--McpSessions.hidden_environment=*_licence", "--McpSessions.shown_environment=HF_*")
    return McpClient(start_server(*options, env=SET))


def test_a_kernel_has_what_is_no_credential_or_exempt_also_after_a_restart(
    client: McpClient,
) -> None:
    before = client.run(LEAKED).text
    client.call("restart_kernel")
    after = client.run(LEAKED).text

    for text in (before, after):
        assert "['HF_TOKEN', 'MY_REGION']" in text


def test_the_status_says_how_many_variables_are_hidden(client: McpClient) -> None:
    client.run("1")

    said = client.call("get_kernel_status").text

    assert f"{len(AMAZON) + 1} variables of the server's environment hidden (credentials)" in said
