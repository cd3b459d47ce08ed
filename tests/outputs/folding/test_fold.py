from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_mcp_ext.outputs.folding import area
from jupyter_mcp_ext.outputs.folding.area import END
from jupyter_mcp_ext.outputs.folding.fold import OutputFold
from jupyter_mcp_ext.outputs.folding.writing import BETWEEN, MAX_MOVED
from jupyter_mcp_ext.outputs.model import Display, Error, Json, Stream
from jupyter_mcp_ext.outputs.pages import merged_lines
from jupyter_mcp_ext.outputs.text import clean


def write(fold: OutputFold, *texts: str, name: str = "stdout") -> list[bool]:
    return [fold.feed("stream", {"name": name, "text": text}) for text in texts]


def show(
    fold: OutputFold, text: str, *, display_id: str | None = None, kind: str = "display_data"
) -> bool:
    transient: dict[str, Json] = {"display_id": display_id} if display_id else {}
    content = {"data": {"text/plain": text}, "metadata": {}, "transient": transient}
    return fold.feed(kind, content)


def texts(fold: OutputFold) -> list[object]:
    return [
        output.text
        if isinstance(output, Stream)
        else output.data["text/plain"]
        if isinstance(output, Display)
        else output.ename
        for output in fold.outputs
    ]


def test_consecutive_writes_to_one_stream_are_one_output() -> None:
    fold = OutputFold()

    write(fold, "a", "b\n", "c")
    write(fold, "oh", name="stderr")
    write(fold, "d")

    assert fold.outputs == (
        Stream(name="stdout", text="ab\nc"),
        Stream(name="stderr", text="oh"),
        Stream(name="stdout", text="d"),
    )


def test_a_hundred_thousand_small_writes_are_kept_as_they_came() -> None:
    fold = OutputFold()

    for n in range(100_000):
        write(fold, f"{n}\n")

    assert texts(fold) == ["".join(f"{n}\n" for n in range(100_000))]
    assert fold.lines == 100_000


def test_a_progress_bar_takes_the_memory_of_its_last_state() -> None:
    fold = OutputFold()

    for n in range(10_000):
        write(fold, f"\r{n / 100:3.0f}%|{'#' * (n // 1000):10}| {n}/10000", name="stderr")

    assert fold.outputs == (Stream(name="stderr", text="100%|######### | 9999/10000"),)
    assert fold.bytes < 40


def test_a_bar_that_returns_at_the_end_of_each_write_is_overwritten_by_the_next() -> None:
    fold = OutputFold()

    write(fold, "loading\n", "10%\r", "20%\r")
    assert fold.last_line == "20%"

    write(fold, "done\n")
    assert texts(fold) == ["loading\ndone\n"]


def test_nested_bars_are_as_many_lines_as_there_are_bars() -> None:
    fold = OutputFold()

    for n in range(1_000):
        write(fold, f"\router {n // 100}", f"\n\rinner {n}", "\x1b[A")

    assert list(merged_lines(fold.outputs, str)) == ["outer 9", "inner 999"]
    assert fold.bytes < 60


def test_carriage_returns_before_line_ends_are_line_ends() -> None:
    fold = OutputFold()

    write(fold, "one\r", "\ntwo\r\n")

    assert texts(fold) == ["one\ntwo\n"]


def test_an_update_changes_every_display_of_its_id_and_nothing_else() -> None:
    fold = OutputFold()
    show(fold, "0 %", display_id="bar")
    show(fold, "other", display_id="other")
    show(fold, "0 %", display_id="bar", kind="execute_result")

    changed = show(fold, "100 %", display_id="bar", kind="update_display_data")

    assert changed
    assert texts(fold) == ["100 %", "other", "100 %"]
    assert [output.is_result for output in fold.outputs if isinstance(output, Display)] == [
        False,
        False,
        True,
    ]


def test_an_update_of_an_unknown_display_changes_nothing() -> None:
    fold = OutputFold()
    show(fold, "here", display_id="a")

    assert not show(fold, "new", display_id="b", kind="update_display_data")
    assert not show(fold, "here", display_id="a", kind="update_display_data")
    assert texts(fold) == ["here"]


def test_transient_data_is_not_kept() -> None:
    fold = OutputFold()

    show(fold, "x", display_id="secret")

    assert "secret" not in repr(fold.outputs)


def test_clear_output_clears_at_once() -> None:
    fold = OutputFold()
    write(fold, "working")

    assert fold.feed("clear_output", {"wait": False})
    assert fold.outputs == ()
    assert fold.bytes == 0
    assert not fold.feed("clear_output", {"wait": False})


def test_a_deferred_clear_keeps_the_old_output_until_the_next_one_arrives() -> None:
    fold = OutputFold()
    write(fold, "working")

    assert not fold.feed("clear_output", {"wait": True})
    assert texts(fold) == ["working"]

    write(fold, "done")
    assert texts(fold) == ["done"]


def test_an_update_does_not_trigger_a_deferred_clear() -> None:
    fold = OutputFold()
    show(fold, "a", display_id="a")
    fold.feed("clear_output", {"wait": True})

    show(fold, "b", display_id="a", kind="update_display_data")

    assert texts(fold) == ["b"]


def test_ids_of_cleared_displays_are_forgotten() -> None:
    fold = OutputFold()
    show(fold, "old", display_id="a")
    fold.feed("clear_output", {"wait": False})
    write(fold, "text")

    assert not show(fold, "new", display_id="a", kind="update_display_data")
    assert texts(fold) == ["text"]


def test_text_beyond_the_limit_is_dropped_and_counted() -> None:
    fold = OutputFold(max_bytes=10)

    assert write(fold, "12345678", "90abc", "def") == [True, True, False]
    assert texts(fold) == ["1234567890"]
    assert (fold.bytes, fold.dropped_bytes) == (10, 6)


def test_of_a_flood_the_beginning_and_the_end_are_kept() -> None:
    fold = OutputFold(max_bytes=2_000)
    for n in range(10_000):
        write(fold, f"line {n}\n")
    fold.feed("error", {"ename": "E", "evalue": "", "traceback": []})

    first, end, error = fold.outputs
    assert isinstance(first, Stream)
    assert isinstance(end, Stream)
    assert first.text.startswith("line 0\nline 1\n")
    assert len(first.text) == 2_000
    assert end.text.startswith("\n(the output between is not kept)\nline 99")
    assert end.text.endswith("line 9998\nline 9999\n")
    assert len(end.text) < 300
    assert isinstance(error, Error)
    whole = sum(len(f"line {n}\n") for n in range(10_000))
    kept = len(first.text) + len(end.text) - len("\n(the output between is not kept)\n")
    assert fold.dropped_bytes == whole - kept
    assert fold.bytes <= 2_100


def test_the_end_of_a_flood_is_written_down_once_and_read_again() -> None:
    fold, again = OutputFold(max_bytes=2_000), OutputFold(max_bytes=2_000)
    messages: list[tuple[str, object]] = [
        ("stream", {"name": "stdout", "text": f"line {n}\n"}) for n in range(1_000)
    ]
    messages += [("error", {"ename": "E", "evalue": "", "traceback": []})]
    messages += [("stream", {"name": "stderr", "text": f"late {n}\n"}) for n in range(100)]
    written: list[tuple[str, object]] = []

    for message in messages:
        if fold.feed(*message):
            written += fold.kept(*message)
    written += fold.ends()
    for message in written:
        again.feed(*message)

    assert len(written) < 300
    assert [type(output) for output in again.outputs] == [Stream, Stream, Error, Stream]
    for read, had in zip(again.outputs, fold.outputs, strict=True):
        if isinstance(read, Stream) and isinstance(had, Stream):
            assert had.text.endswith(read.text.removeprefix(BETWEEN))
            assert len(read.text) > 130


def test_outputs_without_length_are_limited_by_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(area, "MAX_ITEMS", 100)
    fold = OutputFold(max_bytes=1_000_000)
    for n in range(1_000):
        write(fold, "x", name="stdout" if n % 2 else "stderr")
        fold.feed("display_data", {"data": {"text/plain": "x"}, "metadata": {}})

    assert len(fold.outputs) < 120
    assert fold.dropped_bytes > 1_000


@pytest.mark.parametrize("limit", [0, 50_000_000, 1_000])
def test_of_a_long_write_that_moves_the_cursor_both_ends_are_followed(limit: int) -> None:
    fold = OutputFold(max_bytes=limit)
    write(fold, "first\n" * 200, "x" * 10 + "\x1b[A\x1b[2K" * (3 * MAX_MOVED // 7) + "last")

    assert fold.dropped_bytes > MAX_MOVED
    assert "last" in str(texts(fold)[-1])


@pytest.mark.parametrize("piece", ["\x1b[A", "\x1b[2K", "a\b", "x\r", "\x1b]8;;x\x1b\\"])
def test_a_long_write_is_not_cut_within_a_sequence(piece: str) -> None:
    fold = OutputFold(max_bytes=10_000_000)
    write(fold, piece * MAX_MOVED + "\nthe end")

    assert clean(str(texts(fold)[-1])).endswith("the end")


def test_errors_beyond_the_limit_are_kept_in_short_and_not_without_end() -> None:
    fold = OutputFold(max_bytes=1_000)
    frames = ["first frame" * END, "last frame"]
    for n in range(100):
        error = {"ename": f"E{n}", "evalue": "x" * 10 * END, "traceback": frames}
        fold.feed("error", error)

    first, *more = fold.outputs
    assert isinstance(first, Error)
    assert first.traceback == ("last frame",)
    assert len(first.evalue) == END
    assert len(more) < 100
    assert fold.dropped_bytes > 10 * END


def test_the_limit_cuts_between_characters() -> None:
    fold = OutputFold(max_bytes=5)

    write(fold, "äöü")

    assert texts(fold) == ["äö"]
    assert fold.dropped_bytes == 2


def test_an_error_is_kept_beyond_the_limit() -> None:
    fold = OutputFold(max_bytes=4)
    write(fold, "12345")

    assert not show(fold, "large")
    assert fold.feed("error", {"ename": "KeyError", "evalue": "'a'", "traceback": ["x"]})
    assert fold.outputs[-1] == Error(ename="KeyError", evalue="'a'", traceback=("x",))
    assert fold.dropped_bytes == 6


def test_a_bar_goes_on_at_the_limit_as_long_as_it_does_not_grow() -> None:
    fold = OutputFold(max_bytes=4)

    assert write(fold, "\r10 %", "\r20 %", "\r100 %") == [True, True, False]
    assert texts(fold) == ["20 %"]
    assert write(fold, "\r30 %") == [True]
    assert texts(fold) == ["30 %"]


def test_clearing_makes_room_again_but_a_lost_frame_stays_lost() -> None:
    fold = OutputFold(max_bytes=4)
    write(fold, "123456")
    fold.drop(1_000)
    assert fold.dropped_bytes == 1_002

    fold.feed("clear_output", {"wait": False})
    write(fold, "abc")

    assert texts(fold) == ["abc"]
    assert fold.dropped_bytes == 1_000


def test_the_last_line_is_what_a_terminal_shows_last() -> None:
    fold = OutputFold()
    assert fold.last_line == ""

    write(fold, "epoch 1\n\x1b[31mepoch", " 2\x1b[0m", "\n\n  \n")

    assert fold.last_line == "epoch 2"


def test_lines_counts_finished_lines_and_never_more_than_paging_does() -> None:
    fold = OutputFold()
    write(fold, "a\nb")
    assert fold.lines == 1
    write(fold, "c\n\x1b[0m", name="stderr")
    show(fold, "42")
    write(fold, "d\n")

    assert fold.lines == 4
    assert len(merged_lines(fold.outputs, str)) >= 4


@pytest.mark.parametrize("msg_type", ["stream", "display_data", "update_display_data", "error"])
@pytest.mark.parametrize(
    "content",
    [
        {},
        {"name": 3, "text": ["a"]},
        {"text": None},
        {"data": [1], "metadata": "x", "transient": 3},
        {"data": {}, "transient": {"display_id": 4}},
        {"ename": None, "evalue": {}, "traceback": "not a list"},
        None,
        [],
    ],
)
def test_malformed_content_raises_nothing(msg_type: str, content: Any) -> None:
    fold = OutputFold(max_bytes=3)

    fold.feed(msg_type, content)

    assert all(isinstance(output, Error) for output in fold.outputs)


def test_messages_of_other_types_change_nothing() -> None:
    fold = OutputFold()

    assert not fold.feed("status", {"execution_state": "idle"})
    assert not fold.feed("comm_msg", {"data": {}})
    assert fold.outputs == ()


def test_parsed_json_counts_as_the_memory_that_it_takes() -> None:
    fold = OutputFold(max_bytes=1_000_000)
    items: list[Json] = [[] for _ in range(10_000)]

    for _ in range(20):
        fold.feed("display_data", {"data": {"application/json": items}, "metadata": {}})

    assert len(fold.outputs) == 1  # 40 kB of text, a megabyte of lists
    assert fold.dropped_bytes == 19 * len(json.dumps(items))
