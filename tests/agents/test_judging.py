"""What would be unreadable for a model is seen: pure."""

from __future__ import annotations

import pytest

from .apis.responses import Responses
from .judging import JUDGES
from .record import Picture, Result


@pytest.mark.parametrize("name", JUDGES)
def test_a_result_that_is_only_json_is_not_taken_for_the_text(name: str) -> None:
    dropped = Result(text='{"status": "ok"}')

    assert JUDGES[name](dropped) not in {"whole", "image", "told", "run", "goes on"}


def test_bytes_that_are_no_image_are_a_lost_plot() -> None:
    broken = Picture(media_type="image/png", data=b"not a picture")

    assert JUDGES["image"](Result(text="[ok]", pictures=(broken,))) == "lost"


def test_an_image_that_is_given_as_text_is_not_lost_without_a_trace() -> None:
    blocks = '[{"type":"image","data":"iVBORw0KGgoAAAANSUhEUgAAAiwAAAGd","mimeType":"image/png"}]'

    assert JUDGES["image"](Result(text=blocks)) == "as text"


def test_text_without_its_end_is_cut() -> None:
    assert JUDGES["text"](Result(text="[ok] a-1\ngrüß dich")) == "cut"


def test_base64_in_text_is_no_image() -> None:
    item = {"type": "function_call_output", "call_id": "1", "output": "data:image/png;base64,AAAA"}

    [result] = Responses().results({"input": [item]})

    assert result.pictures == ()
