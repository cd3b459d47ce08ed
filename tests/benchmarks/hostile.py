"""What code in a kernel can do to its server by what it sends or writes.

A `Case` is a row: what is done first, and the calls that are measured. Cases of one kind are a
tuple, listed in `CASES`.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.clients import Client
from tests.benchmarks.floods import AFTER
from tests.benchmarks.measures import Row
from tests.servers import FRESH, JupyterServer, running_server

NEW = "2026-07-28"
GOAL = "stall 300 ms, memory 200 MB, a file tool within 2 s"
FOLDERS = count()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row. The calls are made at once, each by a client of its own in one session."""

    name: str
    setup: str = ""
    """Code that is run in a kernel first, to its end, unmeasured."""
    write: Callable[[Path], object] | None = None
    """Called after that with the root folder, to put files there."""
    restarted: bool = False
    """Whether the server is then restarted."""
    calls: Sequence[tuple[str, Mapping[str, Any]]]
    """The measured calls: tools and their arguments."""


@dataclass
class Cost:
    """What a case cost the server, in milliseconds, megabytes and seconds."""

    stall: float = 0
    file_tool: float = 0
    peak: float = 0
    seconds: float = 0
    answers: list[str] = field(default_factory=list)


PICTURES = """
import io, zlib, struct
from IPython.display import HTML, SVG, Image, display
from PIL import Image as P

def coded(kind, image, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return Image(data=file.getvalue(), format=kind.lower(), embed=True)

def png(width, height):
    return coded('PNG', P.effect_noise((64, 64), 99).resize((width, height), 0).convert('RGB'))

def claims(width, height):
    def chunk(kind, data):
        data = kind + data
        return struct.pack('>I', len(data) - 4) + data + struct.pack('>I', zlib.crc32(data))
    head = chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0))
    body = chunk(b'IDAT', zlib.compress(bytes(50_000_000), 9)) + chunk(b'IEND', b'')
    return Image(data=b'\\x89PNG\\r\\n\\x1a\\n' + head + body)

def frames(kind, number):
    first, *rest = [P.new('L', (500, 500), n % 256) for n in range(number)]
    return coded(kind, first, save_all=True, append_images=rest)

def uses(depth):
    steps = ''.join(
        f'<g id="a{n}">' + f'<use href="#a{n - 1}"/>' * 10 + '</g>' for n in range(1, depth))
    return SVG('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><defs>'
        '<rect id="a0" width="9" height="9"/>' + steps
        + f'</defs><use href="#a{depth - 1}"/></svg>')

bombs = {
    'uses': lambda: [uses(10)],
    'tags': lambda: [HTML('<a ' * 300_000)],
    'deep': lambda: [HTML('<b>x' * 250_000)],
    'spans': lambda: [HTML('<table class="dataframe">' + ('<tr><td colspan="1000">' + 'x' * 200
        + '</td></tr>') * 1_000 + '</table>')],
    'large': lambda: [png(7_000, 7_000 - n) for n in range(4)],
    'claims': lambda: [claims(60_000, 60_000), claims(7_000, 7_000)],
    'gif': lambda: [frames('GIF', 3_000)],
    'webp': lambda: [frames('WEBP', 1_000)],
    'base64': lambda: [Image(data=b'GIF89a' + bytes(6_000_000), format='gif', embed=True)],
    'many': lambda: [HTML('<a ' * 300_000 + str(n)) for n in range(8)],
}
"""

_DRAWN = {
    "an SVG of 10^9 `<use>`": "uses",
    "`'<a ' * 300_000` as HTML": "tags",
    "250,000 elements within each other": "deep",
    "a table of a million cells that span others": "spans",
    "four PNGs of 7,000 x 7,000": "large",
    "PNGs that claim more than they hold": "claims",
    "a GIF of 3,000 frames": "gif",
    "a WebP of 1,000 frames": "webp",
    "8 MB of base64 that is no image": "base64",
}

TEXTS = {
    "140 kB of a repr without an end": (
        "display({'text/plain': '<' + ' object' * 20_000}, raw=True)"
    ),
    "a drawing of words without an end": (
        "display({'image/svg+xml': '<text' * 100_000, 'text/plain': '<x object>'}, raw=True)"
    ),
    "a MIME type of 100 kB": (
        "display({'application/vnd.bokeh' + 'a' * 100_000 + '!': 1}, raw=True)"
    ),
    "20 MB of long lines, and five movements over 99 rows": (
        "import sys\nfor n in range(20): sys.stdout.write('x' * 1_000_000 + '\\n')\n"
        "for n in range(5): sys.stdout.write('\\x1b[99Ax'); sys.stdout.flush()"
    ),
    "2 MB of colours and a movement": "print('\\x1b[31mx' * 300_000 + '\\r')",
}
"""Text that could take long to read."""

RENDERED = (
    *(Case(name=name, calls=[("execute_code", {"code": code})]) for name, code in TEXTS.items()),
    *(
        Case(
            name=name,
            setup=f"{PICTURES}\nmade = bombs[{kind!r}]()",
            calls=[("execute_code", {"code": "display(*made)"})],
        )
        for name, kind in _DRAWN.items()
    ),
    Case(
        name="eight reads of eight bombs at once",
        setup=f"{PICTURES}\ndisplay(*bombs['many']())",
        calls=[("get_output", {"offset": 0, "limit": 10 + n}) for n in range(8)],
    ),
)
"""Images and HTML that are drawn, scaled and parsed."""

_LIES = """
import json
honest = json.dumps
def dumps(value, *args, **kwargs):
    if type(value) is dict and list(value) == ['value']:
        return LIE
    return honest(value, *args, **kwargs)
json.dumps = dumps
"""

_ANSWERS = {
    "1 MB of nested lists": "'[' * 1_000_000",
    "a million empty lists": "'[' + '[],' * 990_000 + '[]]'",
    "a number of a million digits": "'9' * 1_000_000",
    "50 MB of text": "'x' * 50_000_000",
}

ANSWERED = tuple(
    Case(
        name=f"`get_variables` is answered with {words}",
        setup=_LIES.replace("LIE", lie),
        calls=[("get_variables", {})],
    )
    for words, lie in _ANSWERS.items()
)
"""Forged answers of the functions that run in a kernel."""

_PAYLOAD = "get_ipython().payload_manager.write_payload({'source': 'mine', 'items': ITEMS})"

_FRAMES = "kernel.session.send(kernel.iopub_socket, 'display_data', {}, buffers=[b''] * 300_000)"

_SENT = {
    "a print of 18 MB": "print('line of a frame, 1, 2, 3\\n' * 600_000)",
    "a print of 100 MB": "print('x' * 100_000_000)",
    "a value of 18 MB": "'y' * 18_000_000",
    "an error of 18 MB": "raise ValueError('x' * 18_000_000)",
    "a reply with 30 million numbers": _PAYLOAD.replace("ITEMS", "[0] * 30_000_000"),
    "a reply with a million lists": _PAYLOAD.replace("ITEMS", "[[]] * 1_000_000"),
    "ten displays of a million lists": "from IPython.display import display\n"
    "for _ in range(10): display({'application/json': [[]] * 1_000_000}, raw=True)",
    "a message of 300,000 frames": f"kernel = get_ipython().kernel\n{_FRAMES}",
}

SENT = tuple(
    Case(name=name, calls=[("execute_code", {"code": code, "wait": 50})])
    for name, code in _SENT.items()
)
"""Messages with more bytes or items than are parsed."""

CASES: Sequence[Case] = (*RENDERED, *ANSWERED, *SENT)


def hostile(base: Path, cases: Sequence[Case] = CASES, options: Sequence[str] = ()) -> list[Row]:
    """Every case, on a server of its own with these options."""
    return [_row(base, case, options) for case in cases]


def _row(base: Path, case: Case, options: Sequence[str]) -> Row:
    folder = base / f"hostile-{next(FOLDERS)}"
    folder.mkdir()
    cost = Cost()
    with running_server(folder, *options, command=FRESH) as server:
        Client(server, NEW).call("execute_code", code=case.setup or "1", wait=120)
        if case.write is not None:
            case.write(server.root_dir)
        if not case.restarted:
            _measured(server, case.calls, cost)
    if case.restarted:
        with running_server(folder, *options, command=FRESH) as server:
            Client(server, NEW).call("list_files")
            _measured(server, case.calls, cost)
    figures = (
        f"stall {cost.stall:.0f} ms, memory {cost.peak:+.0f} MB, "
        f"a file tool {cost.file_tool:.2f} s, {cost.seconds:.1f} s"
    )
    wrong = [w for w in ("Internal error", "NO ANSWER") if any(w in a for a in cost.answers)]
    return Row(name=case.name, figures=", ".join([figures, *wrong]), goal=GOAL)


def _measured(
    server: JupyterServer, calls: Sequence[tuple[str, Mapping[str, Any]]], cost: Cost
) -> None:
    threads = [
        threading.Thread(
            target=lambda t=tool, a=arguments: cost.answers.append(_said(server, t, a))
        )
        for tool, arguments in calls
    ]
    with _watched(server, cost):
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cost.seconds = time.perf_counter() - begun


def _said(server: JupyterServer, tool: str, arguments: Mapping[str, Any]) -> str:
    try:
        return str(Client(server, NEW).call(tool, **arguments)["content"])
    except (OSError, http.client.HTTPException) as err:
        return f"NO ANSWER: {err}"


@contextmanager
def _watched(server: JupyterServer, cost: Cost) -> Iterator[None]:
    """Ask for the version and for a file all the time, and look at the memory."""
    over = threading.Event()
    (server.root_dir / "small.txt").write_text("small\n")
    before = _memory(server)
    files = Client(server, NEW)

    def version() -> None:
        while not over.wait(0.002):
            begun = time.perf_counter()
            server.request("GET", path=f"{server.base_url}api")
            cost.stall = max(cost.stall, (time.perf_counter() - begun) * 1_000)

    def file() -> None:
        while not over.wait(0.01):
            begun = time.perf_counter()
            files.call("read_file", path="small.txt")
            cost.file_tool = max(cost.file_tool, time.perf_counter() - begun)

    def memory() -> None:
        while not over.wait(0.01):
            cost.peak = max(cost.peak, _memory(server) - before)

    threads = [threading.Thread(target=work) for work in (version, file, memory)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.wait(AFTER)
        over.set()
        for thread in threads:
            thread.join()


def _memory(server: JupyterServer) -> float:
    """Memory of the server and of the processes it started, without its kernels, in megabytes."""
    process = psutil.Process(server.process.pid)
    total = process.memory_info().rss
    for child in process.children():
        with suppress(psutil.NoSuchProcess):
            if not any("kernel" in word for word in child.cmdline()):
                total += child.memory_info().rss
    return float(total / 1e6)
