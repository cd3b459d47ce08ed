from __future__ import annotations

import base64
import io
import random
import re
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

import pandas as pd
import pytest
from PIL import Image

from jupyter_mcp_ext.outputs import drawings
from jupyter_mcp_ext.outputs.limits import Limits
from jupyter_mcp_ext.outputs.model import Display, Error, Json, Output, Stream
from jupyter_mcp_ext.outputs.pages import text_lines
from jupyter_mcp_ext.outputs.presentation import (
    ImageBlock,
    Presentation,
    TextBlock,
    is_heavy,
    present,
)
from tests.outputs.frames import html_of


def label(n: int) -> str:
    return f"k7m2q9xw-12/{n + 1}"


def more(n: int, offset: int, column: int = 0) -> str:
    at = f", column={column}" if column else ""
    return f'get_output("{label(n)}", offset={offset}{at})'


def shown(*outputs: Output, limits: Limits | None = None) -> Presentation:
    return present(outputs, limits=limits or Limits(), label=label, more=more)


def text_of(presentation: Presentation) -> str:
    blocks = presentation.blocks
    return "\n".join(block.text for block in blocks if isinstance(block, TextBlock))


def out(text: str) -> Stream:
    return Stream(name="stdout", text=text)


def result(**data: Json) -> Display:
    names = {"plain": "text/plain", "html": "text/html", "json": "application/json"}
    bundle = {names[name]: value for name, value in data.items()}
    return Display(data=bundle, is_result=True, execution_count=1)


def png(width: int = 40, height: int = 30) -> Display:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(file, "PNG")
    plain = f"<Figure size {width}x{height} with 1 Axes>"
    data = base64.b64encode(file.getvalue()).decode()
    return Display(data={"image/png": data, "text/plain": plain})


def bundle(**data: Json) -> Display:
    return Display(data={name.replace("__", "/"): value for name, value in data.items()})


def test_text_in_a_row_is_one_block() -> None:
    presentation = shown(out("a\nb\n"), result(plain="42"))

    assert presentation == Presentation(
        blocks=(TextBlock(text="a\nb\n42"),), truncated=False, positions=(0, 0)
    )


def test_nothing_is_shown_as_nothing() -> None:
    assert shown() == Presentation(blocks=(), truncated=False, positions=())
    assert shown(out("\x1b[0m")).positions == (None,)


def test_standard_error_is_parted_from_what_follows() -> None:
    err = Stream(name="stderr", text="careful\n")

    text = text_of(shown(out("a\n"), err, out("b\n"), err, result(plain="42")))

    assert text == "a\n[stderr]\ncareful\n[stdout]\nb\n[stderr]\ncareful\n[result]\n42"


def test_an_image_stands_behind_the_line_that_names_it() -> None:
    presentation = shown(out("before"), png(1200, 800), out("after"))

    before, image, after = presentation.blocks
    assert before == TextBlock(text="before\n[image k7m2q9xw-12/2 1200x800 png]\n")
    assert isinstance(image, ImageBlock)
    assert image.mime_type == "image/png"
    assert image.data == base64.b64decode(str(png(1200, 800).data["image/png"]))
    assert after == TextBlock(text="after")
    assert presentation.positions == (0, 1, 2)


def test_a_large_image_is_scaled_and_says_so() -> None:
    presentation = shown(png(4000, 2000))

    line, image = presentation.blocks
    assert line == TextBlock(text="[image k7m2q9xw-12/1 4000x2000 png, scaled to 1568x784]\n")
    assert isinstance(image, ImageBlock)
    assert Image.open(io.BytesIO(image.data)).size == (1568, 784)


def test_of_many_images_the_latest_are_shown_and_the_others_named() -> None:
    presentation = shown(*[png()] * 9)

    assert sum(isinstance(block, ImageBlock) for block in presentation.blocks) == 4
    assert text_of(presentation).startswith(
        "[5 images k7m2q9xw-12/1 … k7m2q9xw-12/5 not shown: "
        'get_output("k7m2q9xw-12/1-5")]\n[image k7m2q9xw-12/6 40x30 png]'
    )
    assert presentation.truncated
    assert presentation.positions == (0, 0, 0, 0, 0, 1, 3, 5, 7)


def embedded(*widths: int) -> str:
    """HTML with images in it."""
    return "".join(
        f'<p>number {n}</p><img src="data:image/png;base64,{png(n).data["image/png"]}">'
        for n in widths
    )


def widths(presentation: Presentation) -> list[int]:
    blocks = [block for block in presentation.blocks if isinstance(block, ImageBlock)]
    return [Image.open(io.BytesIO(block.data)).width for block in blocks]


@pytest.mark.parametrize(
    ("mime_type", "source"),
    [
        ("text/html", "<b>words</b><img alt=x src='data:image/png;base64,{0}'>"),
        ("text/html", "<b>words</b><img src=data:image/png;base64,{0}>"),
        ("text/markdown", "words ![x](data:image/png;base64,{0}) more"),
        ("text/markdown", 'words <img src="data:image/png;base64,{0}"/>'),
    ],
)
def test_an_image_embedded_in_text_is_shown(mime_type: str, source: str) -> None:
    data = source.format(png(41).data["image/png"])

    presentation = shown(Display(data={mime_type: data}))

    assert widths(presentation) == [41]
    assert "words" in text_of(presentation)
    assert "[image k7m2q9xw-12/1 41x30 png]" in text_of(presentation)
    assert len(text_of(presentation)) < 120


SVG = (
    "<svg xmlns='http://www.w3.org/2000/svg' width='41' height='30'>"
    "<rect width='41' height='30' fill='#abc'/></svg>"
)


@pytest.mark.parametrize(
    ("mime_type", "source"),
    [
        ("text/html", f'<img src="data:image/svg+xml,{quote(SVG)}">'),
        ("text/html", f'<img src="data:image/svg+xml;utf8,{quote(SVG)}">'),
        ("text/html", f'<img src="data:image/svg+xml;charset=utf-8,{escape(SVG)}">'),
        ("text/html", f"<img src=data:image/svg+xml,{quote(SVG)}>"),
        ("text/markdown", f"![x](data:image/svg+xml,{quote(SVG)})"),
    ],
)
def test_a_drawing_in_a_uri_that_is_not_base64_is_shown(mime_type: str, source: str) -> None:
    presentation = shown(Display(data={mime_type: source}))

    assert len(widths(presentation)) == 1
    assert "svg]" in text_of(presentation) or "svg, scaled" in text_of(presentation)


def test_of_many_embedded_images_the_latest_are_shown_and_the_call_for_all_is_named() -> None:
    presentation = shown(result(html=embedded(*range(41, 47))), png(50))

    assert widths(presentation) == [44, 45, 46, 50]
    assert '[3 images k7m2q9xw-12/1 not shown: get_output("k7m2q9xw-12/1-1")]' in text_of(
        presentation
    )
    assert presentation.truncated


def test_an_image_that_is_only_named_in_html_is_not_shown() -> None:
    presentation = shown(
        result(html="<p>words <img src='plot.png'> data:image/png;base64,AAAA</p>")
    )

    assert widths(presentation) == []


def test_unreadable_images_do_not_take_the_places_of_readable_ones() -> None:
    broken = Display(data={"image/png": "aGVsbG8="})

    presentation = shown(*[png(n) for n in range(40, 45)], *[broken] * 6)

    assert widths(presentation) == [41, 42, 43, 44]
    assert text_of(presentation).count("unreadable") == 6
    assert '[image k7m2q9xw-12/1 not shown: get_output("k7m2q9xw-12/1-1")]' in text_of(presentation)


@pytest.mark.parametrize("data", ["not base64!", "aGVsbG8=", "", None, 3])
def test_a_broken_image_is_described(data: Json) -> None:
    presentation = shown(Display(data={"image/png": data}))

    (block,) = presentation.blocks
    assert isinstance(block, TextBlock)
    assert block.text.startswith("[image k7m2q9xw-12/1 png, unreadable: ")


def test_an_image_beside_an_error_survives() -> None:
    presentation = shown(png(), Error(ename="KeyError", evalue="'a'"))

    assert [type(block) for block in presentation.blocks] == [TextBlock, ImageBlock, TextBlock]
    assert text_of(presentation).endswith("KeyError: 'a'")


def test_a_data_frame_is_a_markdown_table() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x|y", "z"]})

    text = text_of(shown(result(html=html_of(frame), plain=repr(frame))))

    assert text == (
        "|  | a | b |\n|---|---|---|\n| 0 | 1 | x\\|y |\n| 1 | 2 | z |\n[2 rows x 2 columns]"
    )


def test_the_rows_left_out_of_a_data_frame_are_where_its_call_says() -> None:
    with pd.option_context("display.max_rows", 100, "display.max_columns", 30):
        html = html_of(pd.DataFrame({f"c{n}": range(50) for n in range(20)}))
    output = result(html=html)

    presentation = shown(output)

    text = text_of(presentation)
    match = re.search(r"30 rows and 8 columns left out: .*offset=(\d+)", text)
    assert match is not None
    assert text_lines(output)[int(match[1])].startswith("| 10 | 10 |")
    assert presentation.truncated
    assert text.endswith("\n[columns left out: c6, c7, c8, c9, c10, c11, c12, c13]")
    assert len(text.split("\n")) == 2 + 20 + 1 + 2


def test_the_rows_left_out_of_a_table_among_others_are_where_its_call_says() -> None:
    with pd.option_context("display.max_rows", 100):
        first, second = (html_of(pd.DataFrame({name: range(50)})) for name in "ab")
    output = result(html=f"<p>one<br>two</p>{first}<p>between</p>{second}<p>end</p>")

    text = text_of(shown(output))

    calls = re.findall(r"30 rows left out: .*offset=(\d+)", text)
    lines = text_lines(output)
    assert [lines[int(call)] for call in calls] == ["| 10 | 10 |"] * 2
    assert int(calls[1]) > lines.index("between") > int(calls[0])
    assert text.splitlines()[0] == "one"
    assert text.splitlines()[-1] == "end"


@pytest.mark.parametrize("rows", [1, 2, 5, 9])
def test_short_text_around_short_tables_is_shown_whole(rows: int) -> None:
    table = html_of(pd.DataFrame({"a": range(rows)}))
    output = result(html=f"<h2>First</h2>{table}<h2>Second</h2>{table}<p>end</p>")

    presentation = shown(output)

    assert text_of(presentation).splitlines() == list(text_lines(output))
    assert not presentation.truncated


def test_the_shape_of_an_empty_frame_is_its_own() -> None:
    empty, rows = (result(html=html_of(pd.DataFrame(index=range(n)))) for n in (0, 2))

    assert text_of(shown(empty)) == "[0 rows x 0 columns]"
    assert text_of(shown(rows)).splitlines()[-1] == "[2 rows x 0 columns]"


def test_program_text_in_html_keeps_its_lines_and_its_indentation() -> None:
    html = "<h1>Code</h1><pre>def f():\n    return 1\n</pre><p><code>a   b</code></p>"

    assert text_of(shown(result(html=html))) == "Code\ndef f():\n    return 1\na   b"


def test_html_that_only_html_can_say_is_read() -> None:
    silent = "<IPython.core.display.HTML object>"

    text = text_of(shown(result(html="<h1>Title</h1><p>some <b>words</b></p>", plain=silent)))

    assert text == "Title\nsome words"


def test_displays_with_nothing_to_read_are_told_once() -> None:
    script = bundle(application__javascript="x", **{"application/vnd.holoviews_load.v0+json": "y"})
    empty = bundle(text__html="<div id='1'></div>")

    presentation = shown(out("a\n"), script, empty, script, out("b\n"), empty)

    assert text_of(presentation) == (
        "a\n[3 displays k7m2q9xw-12/2 … k7m2q9xw-12/4 without readable text: "
        "application/javascript, application/vnd.holoviews_load.v0+json, text/html]\n"
        "b\n[text/html 18 B, no readable text]"
    )
    assert presentation.positions == (0,) * 6


def test_an_empty_line_that_is_displayed_is_not_a_remark() -> None:
    """As ``rich.print()`` displays it."""
    blank = bundle(text__html="<pre style='white-space:pre'>\n</pre>", text__plain="\n")

    assert text_of(shown(out("a\n"), blank, blank, out("b\n"))) == "a\nb"


def test_plain_text_that_says_something_is_preferred_to_html() -> None:
    text = text_of(shown(result(html="<div>much</div>", plain="LogisticRegression()")))

    assert text == "LogisticRegression()"


def test_readable_html_is_cut_at_its_limit() -> None:
    html = "".join(f"<p>paragraph {n}</p>" for n in range(1_000))

    presentation = shown(result(html=html))

    assert 1_500 < len(text_of(presentation)) <= 2_000
    assert presentation.truncated


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"text/markdown": "# Hi", "text/plain": "<x object>"}, "# Hi"),
        ({"text/latex": "$x^2$", "image/png": "AAAA", "text/plain": "x**2"}, "$x^2$"),
        ({"application/json": {"a": [1, None]}, "text/plain": "x"}, '{"a":[1,null]}'),
        (
            {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "Int(5)"},
            "Int(5)",
        ),
        (
            {
                "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
                "text/plain": "  0%| 0/9\n 50%| 5/9 [00:01<00:00, 5.0it/s]",
            },
            " 50%| 5/9 [00:01<00:00, 5.0it/s]",
        ),
        ({"application/pdf": "A" * 4_000}, "[file k7m2q9xw-12/1 application/pdf 3 kB]"),
        (
            {
                "text/html": '<audio controls><source src="data:audio/wav;base64,AAAA" />',
                "text/plain": "<IPython.lib.display.Audio object>",
            },
            "[file k7m2q9xw-12/1 audio/wav 44 B]",
        ),
        ({}, "[display k7m2q9xw-12/1 without data]"),
        (
            {"application/x-own": "abc", "application/vnd.own+json": [1]},
            "[display k7m2q9xw-12/1 application/x-own 3 B, application/vnd.own+json 3 B]",
        ),
    ],
)
def test_a_display_is_shown_as(data: dict[str, Json], text: str) -> None:
    assert text_of(shown(Display(data=data))) == text


def test_an_svg_is_text_where_no_renderer_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawings, "renderer", lambda: None)
    long = "<svg>" + "<path d='M0 0'/>" * 300 + "<text x='1'>Sales</text></svg>"

    assert text_of(shown(bundle(**{"image__svg+xml": "<svg/>"}))) == "<svg/>"
    assert text_of(shown(bundle(**{"image__svg+xml": long}))) == "[svg drawing, 4.8 kB] Sales"


def test_json_is_cut_by_depth_and_items() -> None:
    value: Json = {"rows": [{"id": n, "text": "x" * 50} for n in range(10_000)]}

    presentation = shown(result(json=value))

    text = text_of(presentation)
    assert len(text) <= 10_000
    assert '"… 9,900 more"' in text
    assert text.endswith('… cut, in full: get_output("k7m2q9xw-12/1", offset=0)')
    assert presentation.truncated


def test_an_error_gets_three_thousand_characters_and_a_last_result_as_many() -> None:
    flood = out("".join(f"line {n}\n" for n in range(100_000)))
    frames = tuple(f"Cell In[{n}], line 1\n----> 1 f({n})\n" for n in range(500))
    error = Error(ename="E", evalue="oh", traceback=frames)
    value = result(plain="\n".join(f"value {n}" for n in range(5_000)))

    text = text_of(shown(flood, value, error))

    head, _, rest = text.partition("value 0\n")
    middle, _, tail = rest.partition("E: oh\n")
    assert 3_500 < len(head) < 4_300
    assert 2_700 < len(middle) < 3_400
    assert 2_700 < len(tail) <= 3_000
    assert len(text) <= 10_000


def test_a_flood_does_not_take_all_that_is_left() -> None:
    flood = out("".join(f"line {n}\n" for n in range(100_000)))
    fits = out("".join(f"line {n}\n" for n in range(900)))

    text = text_of(shown(flood, Error(ename="E", evalue="oh")))

    assert 3_900 < len(text) <= 4_010
    assert text.startswith("line 0\n")
    assert text.endswith("\nline 99999\nE: oh")
    assert text_of(shown(fits)).endswith("line 899")
    assert not shown(fits).truncated


def test_ten_thousand_outputs_are_first_and_last_ones() -> None:
    outputs: list[Output] = [bundle(text__plain=f"display {n}") for n in range(10_000)]
    outputs.append(Error(ename="E", evalue="oh"))

    presentation = shown(*outputs)

    text = text_of(presentation)
    assert text.startswith("display 0\ndisplay 1\n")
    assert text.endswith("display 9999\nE: oh")
    assert re.search(
        r"… [\d]+ outputs k7m2q9xw-12/\d+ … k7m2q9xw-12/\d+ left out: get_output", text
    )
    assert len(text) <= 10_000
    assert presentation.positions[5_000] is None
    assert presentation.positions[-1] == 0


def _random_output(chance: random.Random) -> Output:
    words = ["x" * chance.choice([1, 9, 99, 3_000]) for _ in range(chance.choice([1, 5, 400]))]
    text = chance.choice(["\n", " ", "\r", "\x1b[31m\n"]).join(words)
    frame = pd.DataFrame({"a": words[:30], "b": 1})
    outputs: list[Output] = [
        out(text),
        Stream(name="stderr", text=text),
        result(plain=text),
        result(json=[*words, {"a": [*words]}]),
        result(html=f"<p>{text}</p>"),
        result(html=html_of(frame)),
        Error(ename="E", evalue=text[:5_000], traceback=tuple(words)),
        png(8, 8),
        bundle(image__png="broken"),
        bundle(text__plain=""),
    ]
    return chance.choice(outputs)


@pytest.mark.parametrize("seed", range(60))
def test_no_outputs_exceed_the_budget(seed: int) -> None:
    chance = random.Random(seed)
    outputs = [_random_output(chance) for _ in range(chance.choice([1, 2, 5, 30]))]
    limits = Limits(text=chance.choice([0, 50, 300, 2_000, 10_000, 40_000]))

    presentation = shown(*outputs, limits=limits)

    blocks = presentation.blocks
    assert sum(len(block.text) for block in blocks if isinstance(block, TextBlock)) <= limits.text
    assert len(presentation.positions) == len(outputs)
    assert sum(isinstance(block, ImageBlock) for block in blocks) <= 4
    for position, output in zip(presentation.positions, outputs, strict=True):
        assert position is None or position < len(blocks)
        if position is not None and isinstance(blocks[position], ImageBlock):
            assert isinstance(output, Display)


def test_whatever_is_heavy_has_images_html_or_much_text() -> None:
    light: Sequence[Output] = [out("a" * 1_000), result(plain="b"), Error(ename="E", evalue="")]

    assert not is_heavy(light)
    assert is_heavy([*light, png()])
    assert is_heavy([*light, result(html="<p>")])
    assert is_heavy([out("a" * 1_000_000)])


def test_outputs_that_can_never_be_shown_are_not_looked_at() -> None:
    flood = [bundle(text__plain=str(n)) for n in range(60_000)]
    named: list[int] = []

    def counted(n: int) -> str:
        named.append(n)
        return label(n)

    presentation = present(flood, limits=Limits(), label=counted, more=more)

    assert "0\n1\n2\n" in text_of(presentation)
    assert text_of(presentation).endswith("59998\n59999")
    assert len(set(named)) < 10_000


def test_what_matters_in_the_midst_of_a_flood_is_shown_and_the_rest_counted() -> None:
    chance = random.Random(5)
    for _ in range(300):
        outputs: list[Output] = [
            bundle(text__plain=chance.choice(["a", "bb", "", "c" * 300]))
            for _ in range(chance.choice([50, 400, 3_000]))
        ]
        for _ in range(chance.randint(0, 3)):
            outputs[chance.randrange(len(outputs))] = png(8, 8)
        at = chance.randrange(len(outputs))
        outputs[at] = Error(ename="KeyError", evalue="here", traceback=())

        presentation = shown(*outputs, limits=Limits(text=2_000, images=2))

        text = text_of(presentation)
        assert presentation.positions[at] is not None
        assert "KeyError: here" in text
        gaps = re.findall(r"… (?:\d+ outputs|output) \S+/(\d+)(?: … \S+/(\d+))? left out", text)
        gone = {n for first, last in gaps for n in range(int(first) - 1, int(last or first))}
        for n, output in enumerate(outputs):
            is_empty = isinstance(output, Display) and output.data.get("text/plain") == ""
            assert (presentation.positions[n] is not None) + (n in gone) == 1 or is_empty
