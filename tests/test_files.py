"""The file tools over HTTP, as a client uses them."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mcp_client import ERAS, McpClient, proposed_calls
from tests.servers import JupyterServer

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(params=ERAS)
def client(request: pytest.FixtureRequest, server: JupyterServer) -> McpClient:
    return McpClient(server, request.param)


@pytest.fixture
def folder(client: McpClient, request: pytest.FixtureRequest) -> str:
    """A folder of the root for this test alone."""
    name = f"{client.version}-{request.node.originalname}"
    (Path(client.server.root_dir) / name).mkdir()
    return name


def test_a_file_is_written_listed_read_edited_and_fetched(client: McpClient, folder: str) -> None:
    path = f"{folder}/new/a.py"

    made = client.call("write_file", path=path, content="x = 1\nprint(x)\n")
    listed = client.call("list_files", path=folder, glob="**/*.py")
    read = client.call("read_file", path=path)
    edited = client.call("edit_file", path=path, old_string="x = 1", new_string="x = 2")
    fetched = client.call("download_file", path=path)

    assert made.text == f"Made {path}: 15 bytes."
    assert "new/a.py  15 B" in listed.text
    assert [e["path"] for e in listed.meta["jupyter-mcp-ext/files"]["entries"]] == [path]
    assert read.text.endswith("1\tx = 1\n2\tprint(x)")
    assert edited.text.endswith("@@ -1,2 +1,2 @@\n-x = 1\n+x = 2\n print(x)")
    file = fetched.meta["jupyter-mcp-ext/file"]
    assert file["sha256"] == hashlib.sha256(b"x = 2\nprint(x)\n").hexdigest()
    assert file["url"] in fetched.text
    origin = f"http://127.0.0.1:{client.server.port}"
    assert file["url"].startswith(f"{origin}/")
    at = file["url"].removeprefix(origin)
    answer = client.server.request("GET", headers=client.server.auth, path=at)
    assert (answer.status, answer.body) == (200, b"x = 2\nprint(x)\n")


def test_pages_follow_each_other_by_the_calls_they_name(client: McpClient, folder: str) -> None:
    lines = [f"line {n}" for n in range(1, 1_201)]
    client.call("write_file", path=f"{folder}/a.log", content="\n".join(lines))
    seen: list[str] = []
    page = client.call("read_file", path=f"{folder}/a.log")
    while True:
        seen += [line.partition("\t")[2] for line in page.text.splitlines() if "\t" in line]
        assert len(page.text) <= 10_000
        following = proposed_calls(page.text, "read_file")
        if not following:
            break
        page = client.make(following[0])

    assert seen == lines


def test_a_folder_is_listed_in_pages(client: McpClient, folder: str) -> None:
    for n in range(5):
        (client.server.root_dir / folder / f"{n}.txt").touch()

    first = client.call("list_files", path=folder, limit=3)
    second = client.make(proposed_calls(first.text, "list_files")[0])

    assert [line.split()[0] for line in first.text.splitlines()[1:4]] == ["0.txt", "1.txt", "2.txt"]
    assert [line.split()[0] for line in second.text.splitlines()[1:]] == ["3.txt", "4.txt"]


def test_names_that_are_not_text_are_listed_without_breaking_the_answer(
    client: McpClient, folder: str
) -> None:
    inner = client.server.root_dir / folder
    for name in (b"line\nbreak", b"not \xff unicode", "größe 数据".encode()):
        (inner / os.fsdecode(name)).touch()

    listed = client.call("list_files", path=folder)

    assert not listed.is_error
    assert len(listed.text.splitlines()) == 4
    assert "größe 数据" in listed.text


def test_an_upload_in_base64_comes_back_as_a_blob_in_pieces(client: McpClient, folder: str) -> None:
    data = bytes(range(256)) * 8
    encoded = base64.b64encode(data).decode()
    client.call("write_file", path=f"{folder}/a.bin", content=encoded, encoding="base64")

    first = client.call("download_file", path=f"{folder}/a.bin", limit=2_000)
    second = client.make(proposed_calls(first.text, "download_file")[0])

    pieces = [
        base64.b64decode(block["resource"]["blob"])
        for result in (first, second)
        for block in result.content
        if block["type"] == "resource"
    ]
    assert b"".join(pieces) == data
    assert client.call("read_file", path=f"{folder}/a.bin").text.startswith("[binary ")


def test_an_image_is_shown_as_an_image(client: McpClient, folder: str) -> None:
    (client.server.root_dir / folder / "dot.png").write_bytes(PNG)

    assert client.call("read_file", path=f"{folder}/dot.png").images == [PNG]


def test_paths_are_those_of_the_session_that_is_named(client: McpClient, folder: str) -> None:
    made = client.call("create_session", name=f"of {folder}", cwd=folder)
    session = made.meta["jupyter-mcp-ext/session"]["session_id"]
    client.run("open('made.txt', 'w').write('by code')", session_id=session)

    read = client.call("read_file", path="made.txt", session_id=session)
    client.call("write_file", path="data.txt", content="by tool", session_id=f"of {folder}")
    ran = client.run("open('data.txt').read()", session_id=session)

    assert read.text.endswith("1\tby code")
    assert "by tool" in ran.text
    assert '"made.txt"' in client.refused("read_file", path="made.txt")
    client.call("shutdown_kernel", session_id=session)


def test_what_other_servers_say_is_understood(client: McpClient, folder: str) -> None:
    client.call("write_file", file_path=f"{folder}/a.txt", content="x")

    assert client.call("read_file", filename=f"{folder}/a.txt").text.endswith("1\tx")
    assert client.call("list_files").text.startswith(".: ")
    assert "list_files" in client.error("tools/call", name="list_dir", arguments={})["message"]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("read_file", {"path": "../a"}),
        ("read_file", {"path": "/etc/passwd"}),
        ("read_file", {"path": ".ssh/id_rsa"}),
        ("read_file", {"path": "token.json"}),
        ("read_file", {"path": "a", "offset": 0}),
        ("read_file", {"path": "a", "session_id": "nosuch"}),
        ("write_file", {"path": "a.ipynb", "content": "{}"}),
        ("write_file", {"path": "a", "content": "?", "encoding": "base64"}),
        ("write_file", {"path": "a", "content": "?", "encoding": "rot13"}),
        ("edit_file", {"path": "nosuch", "old_string": "a", "new_string": "b"}),
        ("download_file", {"path": "nosuch"}),
        ("download_file", {"path": "a", "limit": 700_001}),
        ("list_files", {"glob": "../*"}),
        ("list_files", {"path": "nosuch"}),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    client: McpClient, tool: str, arguments: dict[str, object]
) -> None:
    before = sorted(client.server.root_dir.iterdir())

    assert client.refused(tool, **arguments).endswith((".", "list_files"))

    assert sorted(client.server.root_dir.iterdir()) == before


def test_nothing_is_written_where_jupyters_authorizer_refuses_it(
    start_server: Callable[..., JupyterServer], tmp_path: Path
) -> None:
    config = tmp_path / "jupyter_server_config.py"
    config.write_text(
        "from jupyter_server.auth import Authorizer\n"
        "class Reader(Authorizer):\n"
        "    def is_authorized(self, handler, user, action, resource):\n"
        "        return (action, resource) != ('write', 'contents')\n"
        "c.ServerApp.authorizer_class = Reader\n"
    )
    client = McpClient(start_server(f"--config={config}"))
    (client.server.root_dir / "a.txt").write_text("one")

    client.refused("write_file", path="b.txt", content="x")
    client.refused("edit_file", path="a.txt", old_string="one", new_string="two")

    assert client.call("read_file", path="a.txt").text.endswith("1\tone")
    assert [path.name for path in client.server.root_dir.iterdir()] == ["a.txt"]


def test_the_names_of_secrets_are_a_setting(start_server: Callable[..., JupyterServer]) -> None:
    client = McpClient(start_server("--McpFiles.sensitive=*.key", "--McpFiles.max_bytes=10"))

    assert "secrets" in client.refused("write_file", path="a.key", content="x")
    assert "execute_code" in client.refused("write_file", path="a.txt", content="x" * 11)
    assert not client.call("write_file", path="token.json", content="x").is_error


def test_contents_without_a_folder_behind_them_never_are_the_servers_disk(
    start_server: Callable[..., JupyterServer],
) -> None:
    """Jupyter gives every ContentsManager a ``root_dir``, which is ``/`` unless it has one."""
    server = start_server("--ServerApp.contents_manager_class=tests.shelf.Shelf")
    client = McpClient(server)

    made = client.call("write_file", path="a/b.txt", content="kept elsewhere")
    listed = client.call("list_files")
    outside = client.call("read_file", path="etc/passwd")
    absolute = client.call("read_file", path="/etc/passwd")
    ran = client.run("1 + 1")

    assert made.text == "Made a/b.txt: 14 bytes."
    assert client.call("read_file", path="a/b.txt").text.endswith("1\tkept elsewhere")
    assert [e["path"] for e in listed.meta["jupyter-mcp-ext/files"]["entries"]] == ["a"]
    assert (outside.is_error, absolute.is_error) == (True, True)
    assert "root:" not in outside.text + absolute.text
    assert ran.status == "ok"
    assert not Path("/a/b.txt").exists()
    assert not Path("/mcp-sessions").exists()
