"""Downloads by a kernel in the sandbox: through the proxy, beside a kernel with a network.

``python -m tests.benchmarks.downloads FOLDER`` measures where a small internet can be made, and
prints JSON.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

from tests.benchmarks.clients import Client
from tests.benchmarks.measures import Row, Samples
from tests.sandbox.internet import DATA, inside, internet
from tests.sandbox.test_sandbox import CONFINED
from tests.servers import FRESH, JupyterServer, running_server

ROUNDS = 7
SIZE = 256 << 20

DOWNLOAD = f"""
import time, urllib.request
def download():
    begun = time.perf_counter()
    with urllib.request.urlopen('https://{DATA}/zeros/{SIZE}') as answer:
        got = sum(map(len, iter(lambda: answer.read(1 << 20), b'')))
    assert got == {SIZE}
    return (time.perf_counter() - begun) * 1000
download()
"""


def downloads(base: Path) -> list[Row]:
    """How long a download takes each way, and the server's longest answer in the meantime."""
    folder = base / "downloads"
    folder.mkdir()
    found = json.loads(inside("tests.benchmarks.downloads", folder))
    direct, through = Samples(found["direct"]), Samples(found["through"])
    ratio = through.median / direct.median
    size = f"{SIZE >> 20} MB over TLS"
    return [
        Row(
            name=f"download of {size}, through the proxy of a sandbox",
            figures=f"{through.median:.0f} ms ({ratio:.2f} times)",
            goal="at most 1.3 times",
        ),
        Row(name="the same, directly", figures=f"{direct.median:.0f} ms"),
        Row(
            name="an answer of the server during the download through the proxy",
            figures=str(Samples(found["answers"])) + f", most {max(found['answers']):.0f} ms",
            goal="no stall over 50 ms",
        ),
    ]


def main() -> None:
    """Measure in turns."""
    folder = Path(sys.argv[1])
    direct, through, answers = Samples(), Samples(), Samples()
    with internet(folder) as authority:
        env = {"SSL_CERT_FILE": str(authority)}
        options = (
            *CONFINED,
            f"--McpSandbox.read_only_paths={authority}",
            "--McpSandbox.environment=SSL_CERT_FILE",
        )
        one, other = folder / "direct", folder / "through"
        one.mkdir()
        other.mkdir()
        with (
            running_server(
                one, *options, "--McpSandbox.network=host", command=FRESH, env=env
            ) as free,
            running_server(
                other, *options, f"--McpSandbox.allow_hosts={DATA}", command=FRESH, env=env
            ) as closed,
        ):
            clients = [Client(server, "2026-07-28") for server in (free, closed)]
            for client in clients:
                client.call("execute_code", code=DOWNLOAD, wait=50)
            for _ in range(ROUNDS):
                direct.milliseconds.append(downloaded(clients[0], free, Samples()))
                through.milliseconds.append(downloaded(clients[1], closed, answers))
    json.dump(
        {
            "direct": direct.milliseconds,
            "through": through.milliseconds,
            "answers": answers.milliseconds,
        },
        sys.stdout,
    )


def downloaded(client: Client, asked: JupyterServer, answers: Samples) -> float:
    """Milliseconds of one download, during which a server is asked again and again."""
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.measure(lambda: asked.request("GET", path="/api"))
            done.wait(0.01)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        said = client.call("execute_code", code="print(download())", wait=50)
    finally:
        done.set()
        asking.join()
    return float(str(said["content"][0]["text"]).splitlines()[-1])


if __name__ == "__main__":
    main()
