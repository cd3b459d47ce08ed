"""Messages that a kernel has dropped are noticed, and no others are reported."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp_ext.executions.execution import Execution
from jupyter_mcp_ext.kernels.links.channel_socket import ChannelSocket
from jupyter_mcp_ext.kernels.links.counting import TOLERANCE, Count
from jupyter_mcp_ext.kernels.links.link import KernelLink, Listener
from jupyter_mcp_ext.kernels.links.transports import link_to
from jupyter_mcp_ext.outputs.model import Display
from tests.engine import Engine, printed, running

OURS = {"msg_id": "ours", "msg_type": "execute_request"}
LOST = re.compile(r"about ([\d,]+) messages of the kernel were lost: output may be incomplete")

# Of so few nothing is dropped, however busy the machine is: a kernel keeps 1,000 for each client.
ORDINARY = {
    "displays": "for n in range(900): display(n)",
    "prints": "for n in range(900): print(n, flush=True)",
    "cleared outputs": (
        "from IPython.display import clear_output\n"
        "for n in range(450): clear_output(wait=n % 2 == 0); print(n)"
    ),
    "prints of threads": (
        "import threading\n"
        "def work():\n"
        # A flush takes ten seconds in ipykernel if many threads wait for it on a busy machine.
        "    for n in range(200): print(n, flush=n % 10 == 0)\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()"
    ),
    "displays of threads that outlast the cell": (
        "import threading\n"
        "def work():\n"
        "    for n in range(200): display(n)\n"
        "for _ in range(4): threading.Thread(target=work).start()"
    ),
    "an error": "1 / 0",
}


def ident(number: int, source: str = "5a1f-c0_41") -> str:
    return f"{source}_{number}"


def begun(*, at: int = 10) -> Count:
    """A count in which the kernel has begun our request with message ``at``."""
    count = Count()
    count.see(ident(at - 1), {})
    count.begin("ours")
    count.see(ident(at), OURS, busy=True)
    return count


def test_where_all_have_come_nothing_is_lost() -> None:
    count = begun(at=10)
    for number in range(11, 500):
        count.see(ident(number), OURS)
    # 500 is the reply
    count.see(ident(501), OURS)

    assert count.end("ours", ident(501)) == 0


def test_what_has_not_come_is_counted() -> None:
    count = begun(at=10)
    count.see(ident(11), OURS)
    # 12 to 2011 never come; 2012 is the reply
    count.see(ident(2013), OURS)

    assert count.end("ours", ident(2013)) == 2_000


def test_where_the_end_itself_was_lost_the_reply_tells() -> None:
    count = begun(at=10)
    count.see(ident(11), OURS)

    assert count.end("ours", ident(3_012)) == 3_000


def test_a_beginning_that_was_lost_is_counted_with_the_rest() -> None:
    count = Count()
    count.see(ident(9), {})
    count.begin("ours")
    count.see(ident(1_010), OURS)

    assert count.end("ours", ident(1_010)) == 1_000


@pytest.mark.parametrize("waits", [False, True])
def test_a_loss_is_told_once_though_the_next_beginning_is_lost_as_well(*, waits: bool) -> None:
    count = begun(at=10)
    if waits:
        count.begin("next")
    count.see(ident(11), OURS)

    assert count.end("ours", ident(3_012)) == 3_000
    if not waits:
        count.begin("next")
    for late in range(1_000, 1_500):
        count.see(ident(late), OURS)
    count.see(ident(3_016), {"msg_id": "next"})
    assert count.end("next", ident(3_016)) == 0


def test_a_loss_of_the_next_request_is_told_of_it_alone() -> None:
    count = begun(at=10)
    count.end("ours", ident(3_011))
    count.begin("next")
    count.see(ident(2_000), OURS)

    assert count.end("next", ident(3_111)) == 100


def test_replies_to_others_and_questions_are_not_missed() -> None:
    count, number = begun(at=10), 10
    for asked in range(50):
        other = {"msg_id": f"other {asked}", "msg_type": "kernel_info_request"}
        count.see(ident(number + 1), other, busy=True)
        count.see(ident(number + 3), other)  # 2 is the reply
        number += 3
    for _ in range(20):
        number += 1
        count.see_question()
    count.see(ident(number + 2), OURS)

    assert count.end("ours", ident(number + 2)) == 0


def test_a_comm_message_has_no_reply() -> None:
    count, number = begun(at=10), 10
    comm = {"msg_id": "comm", "msg_type": "comm_msg"}
    for _ in range(50):
        count.see(ident(number + 1), comm, busy=True)
        count.see(ident(number + 2), comm)
        number += 2

    assert count.end("ours", ident(number + 1 + 30)) == 30


def test_a_few_that_threads_send_late_are_not_called_lost() -> None:
    few, many = begun(at=10), begun(at=10)
    for count, missing in ((few, TOLERANCE), (many, TOLERANCE + 1)):
        count.see(ident(12 + missing), OURS)

    assert few.end("ours", ident(12 + TOLERANCE)) == 0
    assert many.end("ours", ident(13 + TOLERANCE)) == TOLERANCE + 1


@pytest.mark.parametrize("form", ["0b5c7e{:06x}", "a_{}", "a_b_{}", "", "a_41_{}x"])
def test_of_kernels_whose_ids_have_no_numbers_nothing_is_claimed(form: str) -> None:
    count = Count()
    count.see(form.format(1), {})
    count.begin("ours")
    count.see(form.format(2), OURS, busy=True)
    count.see(form.format(5_000), OURS)

    assert count.end("ours", form.format(5_000)) == 0


def test_of_a_kernel_that_was_restarted_nothing_is_claimed() -> None:
    count = begun(at=10)
    count.see(ident(5_000, source="another_42"), OURS)

    assert count.end("ours", ident(5_000, source="another_42")) == 0


async def test_messages_that_a_kernel_has_dropped_are_told(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    code = f"for n in range(30_000): display(n)\nopen({str(gate)!r}).read(); display('end')"
    async with running(jp_serverapp) as engine, stopped(engine):
        execution = await engine.start(code)
        await asyncio.to_thread(gate.write_text, "")  # returns when all have been sent
        iopub(await link(engine)).listen()  # as if the event loop had been busy
        await engine.services.executions.settled(execution, 60)

        assert execution.status == "ok"
        lost = losses(execution)
        shown = sum(isinstance(output, Display) for output in execution.outputs)
        assert lost > 1_000
        assert abs(lost + shown - 30_001) < 20
        assert losses(await engine.run("1 + 1")) == 0


@asynccontextmanager
async def stopped(engine: Engine) -> AsyncIterator[None]:
    """Stop reading the output of the default session's kernel."""
    await engine.run("1")
    iopub(await link(engine)).listen(is_on=False)
    yield


def iopub(link: Any) -> ChannelSocket:
    """The socket where a link hears outputs."""
    socket: ChannelSocket = link._channels.sockets["iopub"]
    return socket


async def link(engine: Engine) -> KernelLink:
    """The link to the kernel of the default session."""
    return await engine.services.kernels[(await engine.session()).kernel_id].link()


def losses(execution: Execution) -> int:
    """How many messages its notices say were lost."""
    found = [match for notice in execution.notices if (match := LOST.search(notice))]
    return int(found[0][1].replace(",", "")) if found else 0


@pytest.mark.parametrize("code", ORDINARY.values(), ids=ORDINARY)
async def test_nothing_is_claimed_of_an_ordinary_run(jp_serverapp: Any, code: str) -> None:
    async with running(jp_serverapp) as engine:
        for _ in range(5):
            execution = await engine.run(code)
            assert execution.status in ("ok", "error")
            assert execution.notices == []


async def test_what_other_clients_are_told_in_between_is_not_missed(
    jp_serverapp: Any, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with running(jp_serverapp) as engine:
        session = await engine.session()
        manager = jp_serverapp.kernel_manager.get_kernel(session.kernel_id)
        other = link_to("another", manager, jp_serverapp.log, Listener())
        await other.open(10)
        execution = await engine.start(f"open({str(gate)!r}).read(); print('over')")
        completions = []
        for _ in range(10):
            await other.call("control", "kernel_info_request", {}, timeout=60)
            asked = {"code": "imp", "cursor_pos": 3}
            completions.append(
                asyncio.ensure_future(other.call("shell", "complete_request", asked, timeout=30))
            )
        await asyncio.to_thread(gate.write_text, "")
        await engine.services.executions.settled(execution, 30)

        assert len(await asyncio.gather(*completions)) == 10
        assert printed(execution) == "over\n"
        assert execution.notices == []
        assert (await engine.run("1")).notices == []
