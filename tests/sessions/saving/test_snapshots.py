"""Variables saved by one kernel that come back in another."""

from __future__ import annotations

import ast
import asyncio
import hashlib
import io
import pickle
import re
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import dedent
from typing import Any, cast

import psutil
import pytest

from jupyter_mcp_ext.kernels.fleet import Kernels
from jupyter_mcp_ext.kernels.links.exchange import Content
from jupyter_mcp_ext.kernels.links.link import KernelInfo, KernelLink
from jupyter_mcp_ext.sessions.comeback.definitions import Definitions, definitions
from jupyter_mcp_ext.sessions.saving import snapshots
from jupyter_mcp_ext.sessions.saving.snapshot import (
    Hole,
    NoSnapshot,
    Record,
    Restored,
    Skipped,
    Snapshot,
    Unrestored,
    UnusableSnapshot,
)
from jupyter_mcp_ext.sessions.saving.snapshots import INDEX, UnsupportedKernel
from tests.engine import running

KEY = b"k" * 32

SNAPSHOT = Snapshot(
    session_id="s",
    owner="alice",
    created=1.5,
    after=3,
    python="3.11",
    implementation="CPython",
    file="snapshot-0123456789abcdef.pickle",
    records=(Record(offset=0, size=5, sha256="00", names=("a", "ä")),),
    modules={"np": "numpy"},
    sources=("import numpy as np",),
    definitions=("np",),
    skipped=(Skipped(name="g", type="generator", why="a generator cannot be pickled"),),
    holes=(Hole(name="a", where=".lock", why="a lock cannot be pickled"),),
    unrestored=(Unrestored(name="locale", why="it cannot be set"),),
)


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder like a session's."""

    path: Path

    @property
    def handed(self) -> Path:
        return self.path

    def take(self, name: str) -> None:
        assert (self.path / name).exists()

    def read(self, name: str, limit: int) -> bytes | None:
        file = self.path / name
        return file.read_bytes()[:limit] if file.exists() else None

    def write(self, name: str, data: bytes) -> None:
        draft = self.path / f".{name}"
        draft.write_bytes(data)
        draft.rename(self.path / name)

    def remove(self, name: str) -> None:
        (self.path / name).unlink()

    def names(self) -> list[str]:
        return [file.name for file in self.path.iterdir()]


@dataclass(kw_only=True)
class Place:
    """A kernel, the folder of its snapshots, and the cells that were run."""

    kernels: Kernels
    kernel_id: str
    folder: Folder
    cells: list[str] = field(default_factory=list)

    async def link(self) -> KernelLink:
        return await self.kernels[self.kernel_id].link()

    async def reply(self, code: str) -> tuple[Content, str]:
        """A kernel's reply to code, and the printed text."""
        link = await self.link()
        heard: list[str] = []
        exchange = link.execute(
            code,
            on_message=lambda kind, content: heard.append(
                content["text"] if kind == "stream" else "\n".join(content.get("traceback", []))
            ),
            on_begin=lambda: None,
            on_dropped=lambda _: None,
        )
        reply = await exchange.finished()
        link.forget(exchange)
        return reply, "".join(heard)

    async def run(self, code: str) -> str:
        """Run a cell, which must not fail, and give what it prints."""
        cell = dedent(code).strip("\n")
        self.cells.append(cell)
        reply, text = await self.reply(cell)
        assert reply["status"] == "ok", text
        return text

    async def value(self, expression: str) -> Any:
        """The repr of an expression's value."""
        reply, text = await self.reply(f"print(repr(({expression})))")
        assert reply["status"] == "ok", text
        return ast.literal_eval(text)

    async def save(self, **given: Any) -> Snapshot:
        arguments: dict[str, Any] = {
            "max_bytes": 10**9,
            "seconds": 60.0,
            "patience": 60.0,
            **given,
        }
        return await snapshots.save(
            await self.link(),
            self.folder,
            key=KEY,
            session_id="s",
            owner="alice",
            after=len(self.cells),
            **arguments,
        )

    async def restore(self, prepare: str = "", **given: Any) -> Restored:
        """Restore into a new kernel."""
        await self.kernels[self.kernel_id].restart(by="a test", now=True)
        if prepare:
            await self.reply(dedent(prepare))
        arguments: dict[str, Any] = {"key": KEY, "session_id": "s", "owner": "alice", **given}
        return await snapshots.restore(await self.link(), self.folder, seconds=60.0, **arguments)

    def files(self) -> list[str]:
        return sorted(self.folder.names())


@asynccontextmanager
async def place(serverapp: Any, folder: Path) -> AsyncIterator[Place]:
    folder.mkdir()
    async with running(serverapp) as engine:
        kernels = engine.services.kernels
        kernel_id = (await kernels.start("python3", path="", env={})).id
        yield Place(kernels=kernels, kernel_id=kernel_id, folder=Folder(path=folder))


@pytest.fixture
def snapshot_folder(tmp_path: Path) -> Path:
    """A folder outside those of the server."""
    return tmp_path / "snapshots"


def whys(snapshot: Snapshot) -> dict[str, str]:
    return {one.name: one.why for one in snapshot.skipped}


HIDE = "import sys; sys.modules['cloudpickle'] = None; del sys"
"""As where cloudpickle is not installed."""


def test_an_index_is_read_as_it_was_written() -> None:
    assert Snapshot.from_bytes(SNAPSHOT.to_bytes(KEY), KEY) == SNAPSHOT
    assert SNAPSHOT.names == ("a", "ä")
    assert SNAPSHOT.size == 5


def test_an_index_that_was_changed_is_not_used() -> None:
    data = SNAPSHOT.to_bytes(KEY)

    for changed, why in (
        (data[:-1], "cut off"),
        (b"", "cut off"),
        (b"[" * 100_000, "cut off"),
        (b"[]", "not a snapshot"),
        (b"{}", "not a snapshot"),
        (data.replace(b'"after":3', b'"after":4'), "not made with this server's key"),
        (data.replace(b'"digest":"', b'"digest":"\xc3\xa4'), "not made with this server's key"),
        (replace(SNAPSHOT, version=3).to_bytes(KEY), "of version 3"),
    ):
        with pytest.raises(UnusableSnapshot, match=why):
            Snapshot.from_bytes(changed, KEY)
    with pytest.raises(UnusableSnapshot, match="not made with this server's key"):
        Snapshot.from_bytes(data, b"another")


def test_a_kernel_of_another_python_is_named() -> None:
    SNAPSHOT.check_kernel("3.11", "CPython", is_confined=False)
    for python, implementation in (("3.12", "CPython"), ("3.11", "PyPy")):
        expected = f"by CPython 3.11, and the kernel is {implementation} {python}"
        with pytest.raises(UnusableSnapshot, match=re.escape(expected)):
            SNAPSHOT.check_kernel(python, implementation, is_confined=False)


async def test_variables_come_back_and_nothing_is_run_again(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run("import numpy as np, pandas as pd\nfrom math import pi\nLIMIT = 5")
        await here.run("open('runs', 'a').write('x')\nx = len(open('runs').read())")
        await here.run(
            """
            frame = pd.DataFrame({"a": [1.5, 2], "b": ["x", "y"]},
                                 index=pd.date_range("2026", periods=2))
            array = np.arange(12.).reshape(3, 4)
            turned = np.asfortranarray(array)
            _mine, big = 7, 2 ** 100
            def area(r): return pi * r * r * LIMIT
            """
        )
        saved = await here.save()
        restored = await here.restore()

        assert (saved.skipped, restored.failed, restored.definitions_failed) == ((), (), ())
        assert restored.definitions == ()
        assert {"frame", "_mine", "x", "np", "pd", "pi", "LIMIT", "area"} <= set(restored.loaded)
        assert await here.value("frame.to_dict('list'), str(frame.index[1])") == (
            {"a": [1.5, 2.0], "b": ["x", "y"]},
            "2026-01-02 00:00:00",
        )
        assert await here.value("array.tolist() == turned.tolist(), array.flags.writeable") == (
            True,
            True,
        )
        assert await here.value("_mine, big == 2**100, x, round(area(1), 3)") == (
            7,
            True,
            1,
            15.708,
        )
        assert await here.value("open('runs').read()") == "x"
        assert await here.value("type(__builtins__).__name__") == "module"
        assert restored.snapshot == saved


async def test_values_like_nothing_are_values(jp_serverapp: Any, snapshot_folder: Path) -> None:
    texts = ["None", "False", "0", "''", "()", "...", "NotImplemented", "int"]
    async with place(jp_serverapp, snapshot_folder) as here:
        for number, text in enumerate(texts):
            await here.run(f"v{number} = [{text}][0]")
        saved = await here.save()
        restored = await here.restore()

        assert saved.skipped == ()
        assert set(restored.loaded) == {f"v{number}" for number in range(len(texts))}
        for number, text in enumerate(texts):
            assert await here.value(f"repr(v{number}) == repr({text})") is True


async def test_what_was_shared_is_shared_again(jp_serverapp: Any, snapshot_folder: Path) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run(
            """
            import numpy as np
            a = [1]
            lock_first = (a, (i for i in a))
            b, c = a, {"a": a}
            array = np.zeros(3); view_owner = [array]
            loop = []; loop.append(loop)
            """
        )
        saved = await here.save()
        await here.restore()

        assert [(one.name, one.where) for one in saved.holes] == [("lock_first", "[1]")]
        assert await here.value(
            "b is a, lock_first[0] is a, c['a'] is a, view_owner[0] is array, loop[0] is loop"
        ) == (*(True, True, True, True, True),)


@pytest.mark.parametrize("prepare", ["", HIDE])
async def test_instances_are_of_the_class_that_was_defined_again(
    jp_serverapp: Any, snapshot_folder: Path, prepare: str
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run("from dataclasses import dataclass, field\nfrom enum import Enum")
        await here.run(
            """
            @dataclass
            class Point:
                x: int
                tags: list[str] = field(default_factory=list)
                class Inner:
                    pass

            class Colour(Enum):
                RED = 1

            def double(x): return 2 * x
            """
        )
        if prepare:
            await here.reply(prepare)
        await here.run(
            """
            p, inner, red = Point(1, ["a"]), Point.Inner(), Colour.RED
            f, bound = double, [double]
            """
        )
        saved = await here.save()
        restored = await here.restore(prepare)

        assert (saved.skipped, restored.failed) == ((), ())
        assert await here.value(
            "isinstance(p, Point), isinstance(inner, Point.Inner), red is Colour.RED,"
            " f is double, bound[0] is double, p.tags"
        ) == (True, True, True, True, True, ["a"])


@pytest.mark.parametrize("prepare", ["", HIDE])
async def test_what_was_set_on_a_function_or_class_comes_back(
    jp_serverapp: Any, snapshot_folder: Path, prepare: str
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        if prepare:
            await here.reply(prepare)
        await here.run("from enum import Enum\nfrom dataclasses import dataclass")
        await here.run(
            """
            class Counted:
                count = 0
                limit = None
                def __init__(self): Counted.count += 1
            class Colour(Enum):
                RED = 1
            @dataclass
            class Point:
                x: int = 0
            def f(): ...
            def bad(): ...
            """
        )
        await here.run(
            """
            shared = ["s"]
            Counted(), Counted()
            Counted.seen = shared
            f.cache = {1: shared}
            bad.generator = (i for i in shared)
            """
        )
        saved = await here.save()
        restored = await here.restore(prepare)

        assert [(one.name, one.where, one.why) for one in saved.holes] == [
            ("bad", ".generator", "a generator cannot be pickled")
        ]
        assert (saved.skipped, restored.failed) == ((), ())
        assert await here.value(
            "Counted.count, Counted.seen is shared, f.cache[1] is shared, Colour(1).name, Point().x"
        ) == (2, True, True, "RED", 0)


async def test_a_save_keeps_nothing_alive(jp_serverapp: Any, snapshot_folder: Path) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run(
            """
            import gc, weakref
            class Freed:
                def __reduce__(self): raise ValueError
            class Kept: pass
            gc.collect(); gc.disable()
            freed, kept = Freed(), Kept()
            seen = []
            weakref.finalize(freed, seen.append, "freed")
            weakref.finalize(kept, seen.append, "kept")
            """
        )
        await here.save()

        assert await here.value("globals().pop('freed') is globals().pop('kept')") is False
        assert await here.value("seen") == ["freed", "kept"]


async def test_functions_by_value_see_the_sessions_names(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run(
            """
            n = 1; n = 2
            add = lambda x: x + n
            def counter():
                count = 0
                def step():
                    nonlocal count
                    count += 1
                    return count
                return step
            step = counter(); step()
            Local = (lambda: type("Local", (), {"get": lambda self: n}))()
            """
        )
        saved = await here.save()
        restored = await here.restore()

        assert (saved.skipped, restored.failed) == ((), ())
        assert await here.value("add(1), step(), Local().get()") == (3, 2, 2)
        await here.run("n = 10")
        assert await here.value("add(1), Local().get(), add.__globals__ is globals()") == (
            11,
            10,
            True,
        )
        assert await here.value("type(__builtins__).__name__") == "module"


@pytest.mark.parametrize("prepare", ["", HIDE])
async def test_a_function_that_was_wrapped_comes_back_wrapped(
    jp_serverapp: Any, snapshot_folder: Path, prepare: str
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        if prepare:
            await here.reply(prepare)
        await here.run("import functools, math\ndef f(x): return x\ndef g(x): return x")
        await here.run("f = functools.lru_cache(f)\nh = [f]\nexec('g = functools.lru_cache(g)')")
        await here.run("add = lambda x: x + 1\nlater = [add, math.sqrt, math]\nf(3)")
        saved = await here.save()
        restored = await here.restore(prepare)

        assert (saved.skipped, restored.failed) == ((), ())
        assert [(one.name, one.where, one.why) for one in saved.holes] == [
            ("f", "", "its cache begins empty"),
            ("h", "[0]", "its cache begins empty"),
        ]
        assert await here.value(
            "h[0] is f, f(2), f.cache_info().hits, g.cache_info().maxsize, later[0] is add, add(1),"
            " later[1](4), later[2] is math"
        ) == (True, 2, 0, 128, True, 2, 2.0, True)


async def test_what_cannot_be_saved_is_named(jp_serverapp: Any, snapshot_folder: Path) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run(
            """
            import asyncio, socket, sys, threading, time
            generator = (i for i in range(3))
            lock = threading.Lock()
            file = open("text", "w+"); reader = open("text")
            files = [file]
            sock = socket.socket()
            shell = get_ipython()
            class Raises:
                def __reduce__(self): raise OSError("no disk")
            class Exits:
                def __getstate__(self): sys.exit("gone")
            class Mute(Exception):
                def __str__(self): raise ValueError
            class Mutes:
                def __reduce__(self): raise Mute
            class Sleeps:
                def __reduce__(self): time.sleep(0.2); return (int, (5,))
            raises, exits, mutes, sleeps = Raises(), Exits(), Mutes(), Sleeps()
            deep = []
            for _ in range(300_000): deep = [deep]
            fine = "fine"
            """
        )
        saved = await here.save()
        restored = await here.restore()

        assert whys(saved) == {
            "generator": "a generator cannot be pickled",
            "file": "an open file cannot be pickled",
            "reader": "an open file cannot be pickled",
            "sock": "a socket cannot be pickled",
            "raises": "OSError: no disk",
            "exits": "SystemExit: gone",
            "mutes": "Mute",
            "deep": "it is nested too deeply",
        }
        assert {one.type for one in saved.skipped} >= {
            "generator",
            "TextIOWrapper",
            "Raises",
        }
        assert [(one.name, one.where) for one in saved.holes] == [("files", "[0]")]
        assert await here.value("sleeps, fine, Raises.__name__") == (5, "fine", "Raises")
        assert await here.value("lock.locked(), shell is get_ipython()") == (False, True)
        reply, _ = await here.reply("files[0].read()")
        assert "this was TextIOWrapper, which did not come back" in reply["evalue"]
        assert restored.failed == ()


async def test_what_does_not_fit_is_skipped_and_the_rest_is_saved(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run(
            """
            import numpy as np
            shared = ["s"]
            big = [shared, np.zeros(1_000_000)]
            text = ["x" * 1000 + str(i) for i in range(3000)]
            small = [shared]
            """
        )
        saved = await here.save(max_bytes=1_000_000)
        restored = await here.restore()

        assert set(whys(saved)) == {"big", "text"}
        assert "larger than what the limit of 1000000 bytes leaves" in whys(saved)["big"]
        assert (snapshot_folder / saved.file).stat().st_size == saved.size < 1_000_000
        assert restored.failed == ()
        assert await here.value("small[0] is shared") is True


async def test_when_the_time_is_over_the_rest_is_named(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run(
            """
            import time
            class Slow:
                def __reduce__(self): time.sleep(60)
            first = 1
            globals().update({f"slow{number}": Slow() for number in range(10)})
            last = 2
            """
        )
        saved = await here.save(seconds=3.0)

        assert saved.names == ("Slow", "first")
        named = whys(saved)
        assert list(named) == [*(f"slow{number}" for number in range(10)), "last"]
        assert named["slow0"] == "it takes longer than one variable may"
        assert named["last"] == "there was no time left for it"


async def test_variables_that_are_saved_apart_from_others_are_told_of(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run(
            """
            class Odd:
                def __reduce__(self): raise ValueError("no")
            many = [[] for _ in range(100_000)]
            shared = [1]
            globals().update({f"odd{number}": Odd() for number in range(3)})
            near = [shared]
            globals().update({f"odder{number}": Odd() for number in range(500)})
            far = [shared]
            """
        )
        saved = await here.save(seconds=10.0)
        await here.restore()

        (apart,) = saved.unrestored
        assert apart.name == "objects that several variables share"
        assert apart.why.startswith("those after odder")
        assert await here.value("near[0] is shared, far[0] is shared, far") == (True, False, [[1]])


async def test_no_variable_is_lost_because_the_disk_is_slow(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run(
            """
            import os, time
            def slow(file, seconds=1):
                with open("asked", "a") as asked:
                    asked.write(".")
                time.sleep(seconds)
            os.fdatasync = slow
            large, last = bytes(30_000_000), [1]
            """
        )
        saved = await here.save(seconds=2.0)
        asked = await here.value("open('asked').read()")
        at_once = await here.save(seconds=2.0, patience=0.0)

        assert asked == "..."
        assert whys(saved) == whys(at_once) == {}
        assert await here.value("open('asked').read()") == asked


async def test_ten_thousand_variables_come_back(jp_serverapp: Any, snapshot_folder: Path) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run("globals().update({f'v{i}': [i] for i in range(10_000)})")
        saved = await here.save()
        restored = await here.restore()

        assert (len(saved.names), len(restored.loaded)) == (10_000, 10_000)
        assert await here.value("all(globals()[f'v{i}'] == [i] for i in range(10_000))") is True


async def test_saving_leaves_no_trace_in_the_session(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    look = (
        "__import__('json').dumps([sorted(k for k in globals() if not k.startswith('_i')),"
        " sorted(Out), len(In), get_ipython().execution_count, get_ipython().history_manager"
        ".history_length if hasattr(get_ipython().history_manager, 'history_length') else 0])"
    )
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run("x = [1]\ngenerator = (i for i in x)\n7")
        # Reads with user expressions, which leave no trace either.
        link = await here.link()
        looking = {
            "code": "",
            "silent": True,
            "store_history": False,
            "user_expressions": {"seen": look},
            "allow_stdin": False,
        }
        before = await link.call("shell", "execute_request", looking, timeout=30)
        await here.save()
        after = await link.call("shell", "execute_request", looking, timeout=30)
        history = await here.run("%history")

        assert before["user_expressions"]["seen"]["status"] == "ok"
        assert after["user_expressions"] == before["user_expressions"]
        assert history.splitlines() == ["x = [1]", "generator = (i for i in x)", "7", "%history"]


async def test_names_that_the_user_has_overwritten_do_not_matter(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run("open = exec = json = pickle = os = list = sys = type = 3\nx = [1]")
        saved = await here.save()
        restored = await here.restore("exec = list = getattr = 4")

        assert set(saved.names) >= {"open", "exec", "json", "pickle", "list", "x"}
        assert (saved.skipped, restored.failed) == ((), ())
        assert await here.value("(open, exec, json, type, x)") == (3, 3, 3, 3, [1])


async def test_a_save_is_of_one_moment_and_keeps_nothing_waiting(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run(
            """
            import os
            os.mkfifo("begun"); os.mkfifo("gate")
            class Gated:
                def __reduce__(self):
                    open("begun", "w").close()
                    print("not seen")
                    open("gate").close()
                    return (int, (5,))
            gated, x, later = Gated(), [1], {"x": 1}
            """
        )
        begun = Path(await here.value("os.path.abspath('begun')"))
        saving = asyncio.ensure_future(here.save())
        await asyncio.to_thread(begun.read_text)
        printed = await here.run("x.append(2); later['x'] = 2; del gated; print('seen')")
        await here.kernels[here.kernel_id].interrupt()
        children = psutil.Process(await here.value("os.getpid()")).children()
        _, left = await asyncio.to_thread(psutil.wait_procs, children, 20)
        await here.run("open('gate', 'w').close()")
        saved = await saving
        await here.restore()

        assert (printed, saved.skipped) == ("seen\n", ())
        assert left == []  # the kernel has no child to wait for, not even one that has ended
        assert await here.value("gated, x, later") == (5, [1], {"x": 1})


async def test_a_save_that_is_given_up_ends(jp_serverapp: Any, snapshot_folder: Path) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run("x = 1; x = 2")
        first = await here.save()
        await here.run(
            """
            import os, time
            os.mkfifo("held")
            class Slow:
                def __reduce__(self):
                    file = open("held", "w")
                    file.write("begun"); file.flush()
                    time.sleep(600)
            slow = Slow()
            """
        )
        path = Path(await here.value("os.path.abspath('held')"))
        saving = asyncio.ensure_future(here.save())
        with await asyncio.to_thread(path.open) as held:
            assert await asyncio.to_thread(held.read, 5) == "begun"
            saving.cancel()
            await asyncio.wait({saving})
            assert await asyncio.to_thread(held.read) == ""  # it has stopped writing

        assert here.files() == [first.file, INDEX]


async def test_a_variable_that_harms_what_saves_it_is_named_and_harms_nothing_else(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run(
            """
            import ctypes, os, signal, sys, time
            sys.setrecursionlimit(10**6)
            class Kills:
                def __reduce__(self): os.kill(os.getpid(), signal.SIGKILL)
            class Crashes:
                def __reduce__(self): ctypes.string_at(0)
            class Stays:
                def __reduce__(self):
                    while True:
                        try: time.sleep(60)
                        except BaseException: pass
            class Node: pass
            shared = [1]
            kills, crashes, stays, last = Kills(), [shared, Crashes()], Stays(), [shared]
            chain = None
            for number in range(25_000):
                node = Node(); node.next = chain; chain = node
            """
        )
        saved = await here.save(seconds=10.0)
        pid = await here.value("os.getpid()")
        restored = await here.restore()

        assert pid > 0
        assert whys(saved) == {
            "kills": "pickling it ended the process (signal 9)",
            "crashes": "pickling it ended the process (signal 11)",
            "stays": "it takes longer than one variable may",
        }
        assert restored.failed == ()
        assert await here.value("last[0] is shared, chain is node, type(chain.next) is Node") == (
            *(True, True, True),
        )


async def test_a_new_snapshot_takes_the_place_of_the_old_one(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run("x = 1; x = 2")
        first = await here.save()
        (snapshot_folder / "journal.jsonl").touch()
        await here.run("x = 3")
        second = await here.save()
        await here.restore()

        assert first.file != second.file
        assert here.files() == ["journal.jsonl", second.file, INDEX]
        assert stat.S_IMODE((snapshot_folder / second.file).stat().st_mode) == 0o600
        assert await here.value("x") == 3


async def test_an_index_that_cannot_be_written_leaves_the_old_snapshot(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run("x = 1; x = 2")
        first = await here.save()
        await here.run("x = 3")
        (snapshot_folder / f".{INDEX}").mkdir()
        with pytest.raises(OSError, match="directory"):
            await here.save()
        (snapshot_folder / f".{INDEX}").rmdir()

        assert here.files() == [first.file, INDEX]
        await here.restore()
        assert await here.value("x") == 2


async def test_a_changed_or_cut_file_is_not_loaded(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run("x = list(range(1000))\ny = 'y'\ndef f(): return 1")
        saved = await here.save()
        file = snapshot_folder / saved.file
        whole = file.read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        for data, why in (
            (bytes(flipped), "was changed after it was written"),
            (whole[:-1], "was changed after it was written"),
            (None, "cannot be read: No such file"),
        ):
            file.unlink()
            if data is not None:
                file.write_bytes(data)
            restored = await here.restore()

            assert {one.name for one in restored.failed} == {"x", "y", "f"}
            assert all(why in one.why for one in restored.failed), restored.failed
            assert await here.value("[name for name in ('x', 'y', 'f') if name in globals()]") == []
        file.symlink_to(snapshot_folder / "elsewhere")
        (snapshot_folder / "elsewhere").write_bytes(whole)
        restored = await here.restore()
        assert all("cannot be read" in one.why for one in restored.failed)


async def test_a_snapshot_of_another_key_session_or_python_is_not_loaded(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        with pytest.raises(NoSnapshot, match="there is none"):
            await here.restore()
        await here.run("x = [1]")
        saved = await here.save()
        for given, why in (
            ({"key": b"other"}, "key"),
            ({"session_id": "t"}, "another session"),
            ({"owner": "bob"}, "another session"),
        ):
            with pytest.raises(UnusableSnapshot, match=why):
                await here.restore(**given)
        here.folder.write(INDEX, replace(saved, python="3.9").to_bytes(KEY))
        with pytest.raises(UnusableSnapshot, match=r"CPython 3\.9, and the kernel is CPython 3"):
            await here.restore()

        assert await here.value("'x' in globals()") is False


async def test_what_the_session_had_deleted_does_not_come_back(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run("import os, json\ndef f(): ...\ndef g(): ...\nN = 1")
        await here.reply("globals().pop('f'); globals().pop('json'); globals().pop('N')")
        await here.save()
        restored = await here.restore()

        assert set(restored.loaded) == {"os", "g"}
        assert await here.value("[n for n in ('os', 'json', 'f', 'g', 'N') if n in globals()]") == [
            "os",
            "g",
        ]


async def test_texts_and_names_are_not_lost_with_a_variable_that_cannot_be_loaded(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run(
            """
            import collections, operator, os
            class Picky:
                def __getstate__(self): return {"refuse": True}
                def __setstate__(self, state):
                    if "REFUSE" in os.environ: raise ConnectionError("no database")
            picky = [Picky(), "later", collections.OrderedDict(later=1), operator.itemgetter]
            other = [picky[1], collections.OrderedDict(later=2), operator.itemgetter]
            """
        )
        await here.save()
        restored = await here.restore("import os; os.environ['REFUSE'] = '1'")

        assert {one.name for one in restored.failed} == {"picky"}
        assert await here.value("other[0], dict(other[1]), other[2](0)('ab')") == (
            "later",
            {"later": 2},
            "a",
        )


@pytest.mark.parametrize("prepare", ["", HIDE])
async def test_a_variable_that_cannot_be_loaded_takes_only_what_it_shares_with_it(
    jp_serverapp: Any, snapshot_folder: Path, prepare: str
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        if prepare:
            await here.reply(prepare)
        await here.run(
            """
            import os
            class Picky:
                def __init__(self, data): self.data = data
                def __setstate__(self, state):
                    if "REFUSE" in os.environ: raise ConnectionError("no database")
                    self.__dict__.update(state)
            class Plain:
                pass
            """
        )
        await here.run(
            """
            before = [1, 2]
            inner = ["inner"]
            plain = Plain(); plain.data = inner
            shared = ["shared"]
            picky = Picky([shared, ["own"], before])
            again = [picky]
            after = [shared, before, Plain()]
            own = picky.data[1]
            other = Plain(); other.data = after
            last = "last"
            """
        )
        saved = await here.save()
        restored = await here.restore(f"{prepare}\nimport os; os.environ['REFUSE'] = '1'")

        assert saved.skipped == ()
        failed = {one.name: one.why for one in restored.failed}
        assert failed == {
            "picky": "ConnectionError: no database",
            "again": "it shares data with picky, which could not be loaded",
            "own": "it shares data with picky, which could not be loaded",
        }
        assert await here.value(
            "after[0] is shared, after[1] is before, other.data is after, last,"
            " isinstance(other, Plain), plain.data is inner"
        ) == (True, True, True, "last", True, True)


async def test_definitions_alone_can_be_run(jp_serverapp: Any, snapshot_folder: Path) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        cells = ["import os", "import no_such_module_at_all", "N = 5", "def f(): return N"]
        restored = await snapshots.define(await here.link(), definitions(cells), seconds=30)

        assert set(restored.definitions) == {"os", "N", "f"}
        assert [one.name for one in restored.definitions_failed] == [cells[1]]
        assert "ModuleNotFoundError" in restored.definitions_failed[0].why
        assert restored.loaded == ()
        assert await here.value("f()") == 5


async def test_a_snapshot_of_the_first_version_is_loaded(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    """Older snapshots referred to functions by name and ran their source again."""
    shared = ["shared"]
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol=5)
    for entry in (["x", shared], ["y", [shared]], ["attributes of thing", {"note": shared}]):
        pickler.dump(entry)
    pickler.dump(["calls", [range]])
    data = file.getvalue().replace(b"builtins", b"__main__").replace(b"range", b"thing")
    record = Record(
        offset=0,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        names=("x", "y", "attributes of thing", "calls"),
    )
    async with place(jp_serverapp, snapshot_folder) as here:
        older = replace(
            SNAPSHOT,
            version=1,
            python="{}.{}".format(*sys.version_info),
            records=(record,),
            modules={"m": "math"},
            sources=("def thing(): return m.sqrt(4)", "GONE = 1"),
            definitions=("thing",),
        )
        (snapshot_folder / older.file).write_bytes(data)
        here.folder.write(INDEX, older.to_bytes(KEY))
        restored = await here.restore()

        assert (restored.failed, restored.definitions) == ((), ("thing",))
        assert await here.value(
            "y[0] is x is thing.note, calls[0] is thing, thing(), 'GONE' in globals()"
        ) == (*(True, True, 2.0, False),)


async def test_a_future_import_holds_for_what_follows(
    jp_serverapp: Any, snapshot_folder: Path
) -> None:
    async with place(jp_serverapp, snapshot_folder) as here:
        await here.run("from __future__ import annotations")
        await here.run("def f(x: int): ...")
        await here.save()
        await here.restore()

        assert await here.value("f.__annotations__['x']") == "int"


async def test_only_an_ipykernel_is_asked() -> None:
    class Other:
        info = KernelInfo(implementation="xpython", language="python", language_version="3.11")

    with pytest.raises(UnsupportedKernel, match="xpython"):
        await snapshots.define(
            cast(KernelLink, Other()), Definitions(sources=(), names=frozenset()), seconds=1
        )
