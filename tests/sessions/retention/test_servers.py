"""Real servers whose sessions expire: with a wrong clock, and beside others on the same folders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mcp_client import McpClient
from tests.servers import JupyterServer, running_server
from tests.soak import clock

YEAR = 365 * 86_400.0
EXPIRED = "has expired"


@contextmanager
def retaining(folder: Path, *limits: str, ahead: float = 0.0) -> Iterator[JupyterServer]:
    """A server with limits, whose clock may be ahead."""
    extensions = ("jupyter_mcp_ext", clock.__name__)
    options = [f"--ServerApp.jpserver_extensions={name}=True" for name in extensions]
    options += [f"--McpRetention.{limit}" for limit in limits]
    with running_server(folder, *options, env={clock.AHEAD: str(ahead)}) as server:
        yield server


def use(client: McpClient, name: str) -> str:
    """Make a session with a variable, and give its id."""
    made = client.call("create_session", name=name)
    client.run(f"x = str('{name}s')", session_id=name)
    return str(made.meta["jupyter-mcp-ext/session"]["session_id"])


def is_there(client: McpClient, name: str) -> bool:
    """Whether a session has its variable."""
    result = client.run("print(x)", session_id=name)
    return not result.is_error and result.text.endswith(f"{name}s")


def test_a_server_that_starts_with_a_wrong_year_lets_no_session_expire_by_its_age(
    tmp_path: Path,
) -> None:
    with retaining(tmp_path) as server:
        for name in ("older", "newer"):
            use(McpClient(server), name)
            McpClient(server).call("shutdown_kernel", session_id=name)

    # The one session too many shows when the first round is over.
    limits = "max_age=2592000", "max_sessions=1"
    with retaining(tmp_path, *limits, ahead=YEAR) as server:
        server.until_logged(EXPIRED)

        assert "was archived" in McpClient(server).run("x", session_id="older").text
        assert is_there(McpClient(server), "newer")


def test_no_server_removes_what_another_one_uses_on_the_same_folders(tmp_path: Path) -> None:
    limits = "max_sessions=1", "expired=delete", "archive_age=0"
    with retaining(tmp_path) as first:
        mine = McpClient(first)
        use(mine, "of-first")
        rest = []
        for name in ("rest1", "rest2", "rest3"):
            rest.append(use(mine, name))
            mine.call("shutdown_kernel", session_id=name)
        with retaining(tmp_path, *limits) as second:
            for one in rest[:2]:
                second.until_logged(f"{one} {EXPIRED}")
            yours = McpClient(second)
            assert is_there(yours, "rest3")
            with retaining(tmp_path, *limits) as third:
                for one in rest[:2]:
                    third.until_logged(f"{one} {EXPIRED} (deleted)")

                for name in ("of-first", "rest3"):
                    refused = McpClient(third).run("x", session_id=name)
                    assert "is in use by another Jupyter server" in refused.text
                for client, name in ((mine, "of-first"), (yours, "rest3")):
                    client.call("shutdown_kernel", session_id=name)
                    assert is_there(client, name)
                for name in ("rest1", "rest2"):
                    said = mine.refused("execute_code", code="x", session_id=name)
                    assert "was deleted" in said
                    assert "There is no session" in yours.refused(
                        "execute_code", code="x", session_id=name
                    )
