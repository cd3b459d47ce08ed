"""Every name that the page shows is text whatever its source, and a command stays a command."""

from __future__ import annotations

import html
import json
import re
import shlex
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import pytest

from jupyter_mcp_ext.connect import Login, announcement, snippets
from tests import users
from tests.kernelspecs import add_kernelspec
from tests.mcp_client import McpClient
from tests.servers import STARTED_KERNELS, JupyterServer

TAGS = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
HOSTILE = f"{TAGS}{{{{7*7}}}}{{% raw %}}%s\u202e\u200b"
NAME = "'\"><script>alert(1)<script><img src=x onerror=a(2)>"
"""The name of a session has no slash."""
NOTEBOOK = "a'&quot;\"><script>alert(1)<\u2044script>\u202e.ipynb"
LOADING = ("img", "iframe", "object", "embed", "base", "svg", "style", "meta")
ODD_URLS = (
    "http://$(id).example;id/mcp",
    "http://host/a'b;c&d`e\"f/mcp",
    'http://"]\n[x]\ny="/mcp',
)
CONFIG = f"""
from jupyter_client.kernelspec import KernelSpecManager

class AnyName(KernelSpecManager):
    def get_kernel_spec(self, kernel_name):
        return super().get_kernel_spec("python3" if kernel_name == {HOSTILE!r} else kernel_name)
    def find_kernel_specs(self):
        found = super().find_kernel_specs()
        return {{**found, {HOSTILE!r}: found["python3"]}}
c.ServerApp.kernel_spec_manager_class = AnyName
c.McpPolicy.admin_users = ["root"]
"""


class Page(HTMLParser):
    """What a browser would do with a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    @property
    def done(self) -> Iterator[str]:
        """What is loaded or run, and is not the package's own."""
        for tag, attributes in self.tags:
            is_plain = tag == "meta" and attributes.keys() <= {"charset", "name", "content"}
            if tag in LOADING and not is_plain:
                yield tag
            for name, value in attributes.items():
                if name.startswith("on") or name in ("style", "srcdoc"):
                    yield f"{tag} {name}"
                elif name in ("src", "href", "action") and not re.match(
                    "/|data:,$|vscode:|cursor:", value
                ):
                    yield f"{tag} {name}={value}"


@pytest.fixture(scope="module")
def server(
    start_server: Callable[..., JupyterServer], tmp_path_factory: pytest.TempPathFactory
) -> JupyterServer:
    config = tmp_path_factory.mktemp("config") / "jupyter_server_config.py"
    config.write_text(CONFIG)
    return start_server(users.OPTION, STARTED_KERNELS, f"--config={config}", token="root")


def named(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


def look(server: JupyterServer, user: str, **more: str) -> str:
    return server.request("GET", None, {**named(user), **more}, path="/mcp/ui").body.decode()


def check(shown: str, *words: str) -> None:
    """The page does nothing but its own, hides nothing, and has these words as text."""
    assert list(Page(shown).done) == []
    assert not {"\u202e", "\u200b"} & {*shown}
    assert "49" not in re.findall(r"alert\(2\)&gt;(..)", shown)
    for word in words:
        assert html.escape(word) in shown.replace("&#34;", "&quot;").replace("&#39;", "&#x27;"), (
            word
        )


def test_kernelspecs_with_hostile_names_and_languages_are_text(server: JupyterServer) -> None:
    add_kernelspec(
        server,
        "hostile",
        "",
        argv=["python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name=HOSTILE,
        language=HOSTILE,
        metadata={HOSTILE: HOSTILE},
    )
    client = McpClient(server, headers=named("kim"))
    for kernel in ("hostile", HOSTILE):
        made = client.call("create_session", name=f"on {kernel[:4]}", kernel_name=kernel)
        assert not made.is_error, made.text
        client.call("get_kernel_status", session_id=f"on {kernel[:4]}")
    client.call("list_sessions")

    for user in ("kim", "root"):
        check(look(server, user), TAGS)


def test_sessions_notebooks_and_errors_with_hostile_names_are_text(server: JupyterServer) -> None:
    client = McpClient(server, headers=named("lea"))
    made = client.call("create_session", name=NAME)
    assert not made.is_error, made.text
    raised = client.run(f"raise type({HOSTILE!r}, (Exception,), {{}})({HOSTILE!r})")
    assert raised.status == "error"
    client.begin(
        f"while True: print({HOSTILE!r})",
        session_id=str(made.meta["jupyter-mcp-ext/session"]["session_id"]),
    )
    opened = {"path": NOTEBOOK, "type": "notebook", "name": HOSTILE, "kernel": {"name": "python3"}}
    body = json.dumps(opened).encode()
    answer = server.request("POST", body, named("lea"), path="/api/sessions")
    assert answer.status == 201
    client.call("list_sessions")
    client.call("read_notebook", path=NOTEBOOK)
    client.call("create_session", path=NOTEBOOK)

    shown = look(server, "lea")

    check(shown, NAME, "alert(1)<\u2044script>")
    links = [at["href"] for tag, at in Page(shown).tags if tag == "a" and ".ipynb" in at["href"]]
    assert links
    assert [link for link in links if not re.fullmatch(r"[A-Za-z0-9/._%~-]+", link)] == []


def test_users_with_hostile_names_are_text(server: JupyterServer) -> None:
    name = TAGS
    client = McpClient(server, headers=named(name))
    client.run("1")

    check(look(server, name), name)
    check(look(server, "root"), name)
    refused = server.request(
        "POST",
        b"of=all",
        {**named(name), "Content-Type": "application/x-www-form-urlencoded"},
        path="/mcp/ui/pause",
    )
    assert refused.status == 403
    check(refused.body.decode())
    body = {**named(name), "Content-Type": "application/x-www-form-urlencoded"}
    assert server.request("POST", b"of=", body, path="/mcp/ui/pause").status == 303
    check(look(server, name), f"Your agents were paused by {name}")


@pytest.mark.parametrize("host", [f"a{TAGS}", "$(id).example", "a\xad\x9bb.example"])
def test_a_hostile_name_of_the_server_is_text(
    start_server: Callable[..., JupyterServer], host: str
) -> None:
    server = start_server("--ServerApp.allow_remote_access=True", token="")
    refused = start_server(token="")

    for each in (server, refused):
        said = each.request("GET", None, {"Host": host}, path="/mcp/ui").body.decode()
        check(said)
        assert not {"\xad", "\x9b"} & {*said}


def test_a_base_url_with_quotes_is_text_and_its_commands_are_whole(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server(base_url="/a'b&c!d/")

    shown = server.request("GET", None, server.auth, path="/a'b&c!d/mcp/ui").body.decode()

    check(shown)
    actions = [at["action"] for tag, at in Page(shown).tags if tag == "form"]
    assert all(action.endswith("d/mcp/ui/pause") for action in actions[:1])
    assert server.request("GET", None, server.auth, path=actions[0]).status == 405
    [claude] = re.findall(r"<code>(claude mcp add [^<]*)</code>", shown)
    address = shlex.split(html.unescape(claude))[8]
    path = address.removeprefix(f"http://127.0.0.1:{server.port}")
    assert server.request("GET", None, {"Accept": "text/html"}, path=path).status == 302


@pytest.mark.parametrize("url", ODD_URLS)
def test_an_odd_address_is_one_word_of_each_command_and_one_value_of_each_file(url: str) -> None:
    texts = {snippet.client: snippet.text for snippet in snippets(url)}
    says = announcement(url, Login(password=True)).partition("connect Claude Code:\n")[2]

    for command in (texts["Claude Code"], texts["Gemini CLI"], says):
        assert shlex.split(command).count(url) == 1
        assert shlex.quote(url) in command
    assert texts["Codex"].splitlines()[1] == f"url = {json.dumps(url)}"  # as TOML has it
    assert json.loads(texts["VS Code"])["servers"]["jupyter"]["url"] == url
    assert json.loads(texts["Cursor"])["mcpServers"]["jupyter"]["url"] == url
