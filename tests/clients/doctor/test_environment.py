"""What is wrong on the client's side is named: packages and variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from jupyter_mcp_ext.clients.doctor.environment import proxy_for
from tests.clients.doctor.examined import looked, run
from tests.ports import free_port
from tests.servers import JupyterServer


@pytest.mark.parametrize(
    ("netloc", "environ", "proxy"),
    [
        ("localhost:8888", {"HTTP_PROXY": "http://proxy:3128"}, "proxy:3128"),
        ("localhost:8888", {"http_proxy": "http://me:secret@proxy:3128"}, "proxy:3128"),
        ("localhost:8888", {"ALL_PROXY": "socks5://proxy:1080"}, "proxy:1080"),
        ("localhost:8888", {"HTTPS_PROXY": "http://proxy:3128"}, ""),
        ("localhost:8888", {"HTTP_PROXY": ""}, ""),
        ("localhost:8888", {"HTTP_PROXY": "proxy:3128", "NO_PROXY": "localhost"}, ""),
        ("127.0.0.1:8888", {"HTTP_PROXY": "proxy:3128", "NO_PROXY": "localhost"}, "proxy:3128"),
        ("localhost:8888", {"HTTP_PROXY": "proxy:3128", "no_proxy": "*"}, ""),
    ],
)
def test_a_proxy_of_the_environment_is_found_without_its_login(
    netloc: str, environ: Mapping[str, str], proxy: str
) -> None:
    assert proxy_for("http", netloc, environ) == proxy


def test_a_proxy_that_catches_localhost_is_warned_of_and_not_used(
    start_server: Callable[..., JupyterServer],
) -> None:
    server = start_server()
    gone = f"http://me:secret@127.0.0.1:{free_port()}"

    found = looked(server.root_dir.parent, env={"HTTP_PROXY": gone})

    assert found.troubles == {("variables", "warning")}
    assert "HTTP_PROXY sends requests for 127.0.0.1" in found.one("variables")["what"]
    assert "NO_PROXY=localhost" in found.one("variables")["do"]
    assert "secret" not in str(found.whole)


def test_old_packages_of_the_environment_are_named(tmp_path: Path) -> None:
    for name, version in (("jupyter_server", "2.14.0"), ("mcp", "1.12.0")):
        folder = tmp_path / "old" / f"{name}-{version}.dist-info"
        folder.mkdir(parents=True)
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (folder / "METADATA").write_text(text)
    project = Path(__file__).parents[3]

    done = run(tmp_path, str(free_port()), env={"PYTHONPATH": f"{tmp_path / 'old'}:{project}"})

    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if line.startswith("fault    packages")]
    assert "2.14.0 is installed" in line
    assert "1.12.0 is installed" in line
    assert '-> pip install --upgrade "jupyter' in done.stdout
