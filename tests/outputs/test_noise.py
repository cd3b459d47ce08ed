from __future__ import annotations

from jupyter_mcp_ext.outputs.model import Stream
from jupyter_mcp_ext.outputs.pages import text_lines
from jupyter_mcp_ext.outputs.text import Passage


def shown(text: str) -> list[str]:
    passage = Passage.of_text(text, collapsed=True)
    return passage.fit(10_000, lambda *place: f"more{place}").text.split("\n")


def test_a_warning_from_several_lines_is_shown_once_and_counted() -> None:
    text = "before\n"
    for n in (3, 7, 3, 12):
        text += f"/run/cell/9.py:{n}: FutureWarning: use of x is deprecated\n  df.x({n})\n"
        text += f"step {n}\n"
    text += "/run/a.py:1: UserWarning: another\n  f()\n"

    assert shown(text) == [
        "before",
        "/run/cell/9.py:3: FutureWarning: use of x is deprecated (x 4, also from other lines)",
        "  df.x(3)",
        "step 3",
        "step 7",
        "step 3",
        "step 12",
        "/run/a.py:1: UserWarning: another",
        "  f()",
    ]
    assert len(text_lines(Stream(name="stderr", text=text))) == 15


def test_steps_of_a_download_are_shown_as_the_last_one() -> None:
    text = "".join(
        f"Collecting package{n}\n  Downloading package{n}-1.0-py3-none-any.whl (5 kB)\n"
        for n in range(20)
    )

    assert shown(f"{text}\nInstalling collected packages: a\nSuccessfully installed a-1.0\n") == [
        "  Downloading package19-1.0-py3-none-any.whl (5 kB) (the last of 40 steps)",
        "",
        "Installing collected packages: a",
        "Successfully installed a-1.0",
    ]


def test_bars_on_lines_of_their_own_are_shown_as_their_last_state() -> None:
    bars = "".join(
        f" {n:2}%|{'#' * (n // 10):10}| {n}/100 [00:01<00:02, 9.9it/s]\n" for n in range(99)
    )
    hub = "".join(
        f"model-{n}.bin: 100%|##########| 5.0G/5.0G [00:09<00:00, 500MB/s]\n" for n in range(9)
    )
    wget = "".join(
        f"  {n * 50}K .......... .......... .......... {n:3}% 1.2M 3s\n" for n in range(50)
    )

    assert shown(bars) == [
        " 98%|#########| 98/100 [00:01<00:02, 9.9it/s] (the last of 99 updates)".replace(
            "#########|", f"{'#' * 9:10}|"
        )
    ]
    assert len(shown(hub)) == 1
    assert shown(wget)[0].endswith("(the last of 50 updates)")


def test_results_of_epochs_and_a_few_steps_stay() -> None:
    epochs = "".join(
        f"Epoch {n}: 100%|##########| 50/50 [00:01<00:00, 40it/s, loss={n}]\n" for n in range(9)
    )
    few = "Collecting a\nCollecting b\nDownloading c\nx: 1\nWarning: no place\nWarning: no place\n"

    assert shown(epochs) == epochs.splitlines()
    assert shown(few) == few.splitlines()
