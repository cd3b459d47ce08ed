"""The doctor names what is wrong with a token of JupyterHub, and a server that does not run."""

from __future__ import annotations

from pathlib import Path

from tests.clients.doctor.examined import examined, looked
from tests.hub.hubs import running_hub


def test_tokens_and_servers_of_a_hub_are_named_as_they_are(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        alice = hub.start("alice")
        hub.api("POST", "/users/bob")
        bobs = hub.token_for("bob", "access:servers!user=bob")
        good = examined(tmp_path, alice.url, token=alice.token, hold=2.0)
        scoped = looked(tmp_path, alice.url, token=bobs)
        unknown = looked(tmp_path, alice.url, token="of-nobody")
        stopped = looked(tmp_path, alice.url.replace("/alice/", "/bob/"), token=bobs)

    assert good.troubles == set(), good.whole
    assert "of JupyterHub" in good.one("server")["what"]
    assert "The token is bob's and may not use the server of alice" in scoped.one("token")["what"]
    assert "access:servers!user=alice" in scoped.one("token")["do"]
    assert "does not know this token" in unknown.one("token")["what"]
    assert "no server runs at /user/bob/" in stopped.one("server")["what"]
    assert stopped.one("server")["do"].startswith(
        f"Start the server at http://127.0.0.1:{hub.port}/hub/home"
    )
