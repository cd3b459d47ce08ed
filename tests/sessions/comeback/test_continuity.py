"""What must come back into a kernel and what readers are told, after each series of events."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jupyter_mcp_ext.kernels.losses import Loss
from jupyter_mcp_ext.sessions.comeback.continuity import READERS, TRIES, Continuity


class Life:
    """A session's kernels one after the other; ``said`` is what ``ann`` was told last."""

    def __init__(self, *, had_kernel: bool = False) -> None:
        self.continuity = Continuity(begun=100.0, had_kernel=had_kernel)
        self.losses: list[Loss] = []
        self.said = ""
        self._had_kernel = had_kernel
        self._clock = 100.0

    @property
    def need(self) -> str:
        return self.continuity.need(self.losses)

    def now(self) -> float:
        self._clock += 1
        return self._clock

    def lose(self, kind: str) -> None:
        self.losses.append(Loss(kind=kind, detail=f"it {kind}", at=self.now()))  # type: ignore[arg-type]  # by the rows

    def restart(self) -> None:
        """A client asks for it."""
        self.lose("restarted")
        self.continuity.restarted(self.losses)

    def start(self) -> None:
        last = self.losses[-1:] or [Loss(kind="stopped", detail="it moved", at=self.now())]
        self.losses = last if self._had_kernel else []
        self._had_kernel = True
        self.continuity.started(met=len(self.losses))

    def prepare(self) -> None:
        """Code is about to run."""
        if self.need == "fresh":
            self.continuity.restarted(self.losses)
        elif self.need == "comeback":
            self.continuity.begins(self.losses)
            self.continuity.brought_back(f"back {len(self.losses)}", lost=("x: why",))

    def tell(self, reader: str = "ann", *, until: float = 1e9) -> None:
        """Build the result of code that began at that moment."""
        losses = [loss for loss in self.losses if loss.at <= until]
        news = self.continuity.news(reader, losses)
        self.said = "" if news is None else f"{news.loss.detail}: {news.comeback or 'lost'}"
        self.continuity.told(reader, losses)


EVENTS: dict[str, Callable[[Life], object]] = {
    "started": Life.start,
    "died": lambda life: life.lose("died"),
    "exited": lambda life: life.lose("exited"),
    "stopped": lambda life: life.lose("stopped"),
    "restarted outside": lambda life: life.lose("restarted"),
    "restarted": Life.restart,
    "begins": lambda life: life.continuity.begins(life.losses),
    "nothing came back": lambda life: life.continuity.brought_back(""),
    "no way back": lambda life: life.continuity.brought_back("no way"),
    "copied": lambda life: life.continuity.brought_back("copied"),
    "joined": lambda life: life.continuity.joined(life.losses),
    "handed out": lambda life: life.continuity.handed_out(at=life.now()),
    "code": Life.prepare,
    "told": Life.tell,
    "told loss": lambda life: life.continuity.told_loss("ann", life.losses),
    "told before": lambda life: life.tell(until=life.losses[-1].at - 0.5),
}

SEQUENCES = [
    # events, what the kernel needs then, what the next result tells ann
    ("started", "", ""),
    ("started, code, told", "", ""),
    ("started, died", "comeback", "it died: lost"),
    ("started, exited", "comeback", "it exited: lost"),
    ("started, stopped", "comeback", "it stopped: lost"),
    ("started, restarted outside", "fresh", "it restarted: lost"),
    ("started, restarted outside, code", "", "it restarted: lost"),
    ("started, died, restarted outside", "fresh", "it restarted: lost"),
    ("started, died, code", "", "it died: back 1"),
    ("started, died, code, told", "", ""),
    ("started, died, told", "comeback", ""),
    ("started, died, told, code", "", "it died: back 1"),
    ("started, died, told loss, code", "", "it died: back 1"),
    ("started, died, told loss, code, told", "", ""),
    ("started, died, begins", "comeback", "it died: lost"),
    ("started, died, begins, died", "comeback", "it died: lost"),
    ("started, died, begins, died, code", "", "it died: back 2"),
    ("started, died, begins, nothing came back", "", "it died: lost"),
    ("started, died, told loss, begins, nothing came back", "", ""),
    ("started, died, code, died", "comeback", "it died: lost"),
    ("started, died, code, told, died", "comeback", "it died: lost"),
    ("started, died, code, told, died, told loss", "comeback", ""),
    ("started, died, code, told, died, told loss, code", "", "it died: back 2"),
    ("started, died, begins, no way back, told, died, told loss", "comeback", ""),
    ("started, died, begins, no way back, told, died, told loss, begins, no way back", "", ""),
    ("started, died, code, told, died, told before", "comeback", "it died: lost"),
    ("started, died, code, restarted", "", "it restarted: lost"),
    ("started, died, code, restarted, told, code", "", ""),
    ("started, restarted, died", "comeback", "it died: lost"),
    ("started, stopped, started", "comeback", "it stopped: lost"),
    ("started, stopped, started, code", "", "it stopped: back 1"),
    ("started, stopped, told, started", "comeback", ""),
    ("started, started", "comeback", "it moved: lost"),
    ("started, stopped, started, restarted", "", "it restarted: lost"),
    ("started, copied", "", ""),
    ("started, copied, told, died, code", "", "it died: back 1"),
    ("died, joined", "", "it died: lost"),
    ("died, handed out, joined", "", ""),
    ("died, joined, died", "comeback", "it died: lost"),
]


@pytest.mark.parametrize(("events", "need", "said"), SEQUENCES, ids=[row[0] for row in SEQUENCES])
def test_what_a_kernel_needs_and_a_reader_is_told_follow_from_what_happened(
    events: str, need: str, said: str
) -> None:
    life = Life()

    for event in events.split(", "):
        EVENTS[event](life)

    assert life.need == need
    life.tell()
    assert life.said == said


def test_a_session_of_an_earlier_server_is_brought_back_into_its_first_kernel() -> None:
    life = Life(had_kernel=True)

    life.start()

    assert life.need == "comeback"
    life.tell()
    assert life.said == "it moved: lost"
    life.prepare()
    life.tell()
    assert (life.need, life.said) == ("", "it moved: back 1")


def test_code_that_began_before_a_loss_learns_what_came_back_before_it() -> None:
    life = Life()
    for event in ("started", "died", "code", "died"):
        EVENTS[event](life)
    life.continuity.begins(life.losses[:1])
    life.continuity.brought_back("back 1")

    EVENTS["told before"](life)

    assert life.said == "it died: back 1"


def test_each_reader_is_told_and_only_once() -> None:
    life = Life()
    for event in ("started", "died", "code", "told"):
        EVENTS[event](life)

    life.tell("bob")
    first = life.said
    life.tell("bob")

    assert (first, life.said) == ("it died: back 1", "")


def test_of_many_readers_the_one_that_was_told_first_is_told_again() -> None:
    life = Life()
    for event in ("started", "died", "code", "told"):
        EVENTS[event](life)
    for n in range(READERS):
        life.tell(f"reader {n}")

    life.tell()

    assert life.said == "it died: back 1"


def test_what_was_lost_is_known_until_the_next_comeback_begins() -> None:
    life = Life()
    for event in ("started", "died", "code"):
        EVENTS[event](life)
    known = life.continuity.lost
    life.lose("died")

    life.continuity.begins(life.losses)

    assert (known, life.continuity.lost) == (("x: why",), ())


def test_a_comeback_that_is_cut_short_is_tried_again_and_not_for_ever() -> None:
    life = Life()
    for event in ("started", "died", "begins"):
        EVENTS[event](life)

    tries = [life.continuity.cut_short() for _ in range(TRIES + 1)]

    assert tries == [True] * (TRIES - 1) + [False, True]


def test_each_new_kernel_has_all_tries() -> None:
    life = Life()
    for event in ("started", "died", "begins"):
        EVENTS[event](life)
    life.continuity.cut_short()

    life.start()

    assert [life.continuity.cut_short() for _ in range(TRIES)] == [True] * (TRIES - 1) + [False]
