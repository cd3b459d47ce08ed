"""A notebook's text and signature: the same that Jupyter's own writer and notary make."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import nbformat.v4
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.sign import NotebookNotary

from jupyter_mcp_ext.notebooks.saved import text
from jupyter_mcp_ext.notebooks.saved.trust import Trust
from tests.notebooks.makers import SHELF, code, error, markdown, notebook, shown, stream

READ = [name for name, made in SHELF.items() if not made.refuses and made.mended is None]

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=6), VALUES, max_size=3)
LINES = st.text(max_size=20) | st.lists(st.text(max_size=8), max_size=4)
BUNDLES = st.dictionaries(
    st.sampled_from(
        ["text/plain", "text/html", "image/svg+xml", "image/png", "application/javascript"]
    ),
    LINES,
    max_size=3,
) | st.dictionaries(st.sampled_from(["application/json", "application/x+json"]), VALUES, max_size=2)
OUTPUTS = (
    st.builds(lambda t, more: stream(t, **more), LINES, st.just({}))
    | st.builds(lambda data, meta: {**shown(data), "metadata": meta}, BUNDLES, OBJECTS)
    | st.builds(error, st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))
    | st.builds(lambda more: {"output_type": "later", **more}, OBJECTS)
)
CELLS = st.builds(
    lambda source, outputs, metadata, extra: {
        **extra,
        **code(source, outputs=outputs, metadata=metadata),
    },
    LINES,
    st.lists(OUTPUTS, max_size=3),
    OBJECTS,
    OBJECTS,
) | st.builds(
    lambda source, attachments, metadata: markdown(
        source, attachments=attachments, metadata=metadata
    ),
    LINES,
    st.dictionaries(st.text(max_size=5), BUNDLES, max_size=2),
    OBJECTS,
)
NOTEBOOKS = st.builds(
    lambda cells, metadata: notebook(*cells, metadata=metadata),
    st.lists(CELLS, max_size=4),
    OBJECTS,
)


@pytest.fixture(scope="module")
def notary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("notary")
    kind: Any = NotebookNotary  # published without types
    made = kind(data_dir=str(folder), log=logging.getLogger(__name__))
    yield made
    made.store.close()


def jupyters(node: dict[str, Any]) -> tuple[Any, str]:
    """A notebook as nbformat reads it, and as it writes that."""
    read: Any = nbformat.v4.to_notebook_json
    write: Any = nbformat.v4.writes_json
    found = read(node)
    return found, write(found, split_lines=True) + "\n"


@given(node=NOTEBOOKS)
def test_what_is_read_written_and_signed_is_what_jupyter_reads_writes_and_signs(
    notary: Any, node: dict[str, Any]
) -> None:
    data = json.dumps(node).encode()
    theirs, written = jupyters(json.loads(data))

    ours = text.read(data)

    assert ours is not None
    assert json.dumps(ours) == json.dumps(theirs)
    assert text.written(ours) == written.encode(errors="backslashreplace")
    assert Trust(notary).signature(ours) == notary.compute_signature(theirs)


@pytest.mark.parametrize("name", READ)
def test_notebooks_of_many_makers_are_written_as_jupyter_writes_them(name: str) -> None:
    data = SHELF[name].data
    ours = text.read(data)
    if ours is None:  # of an earlier format, which the ContentsManager converts
        assert json.loads(data)["nbformat"] < 4
        return

    _, written = jupyters(json.loads(data.decode("utf-8-sig")))

    assert text.written(ours) == written.encode(errors="backslashreplace")


@pytest.mark.parametrize(
    "odd",
    [
        code({"a": 1}, id="a"),
        code(5, id="a"),
        {"cell_type": "code", "id": "a", "metadata": {}, "source": "a", "outputs": []},
        markdown(["a\n", "b"], id="a", level={"b": 2}),
        code("a", id="a", outputs=[{"output_type": "", "text": ["a", "b"]}]),
    ],
)
def test_what_is_no_text_in_a_cell_stays_as_it_is(notary: Any, odd: dict[str, Any]) -> None:
    node = notebook(odd, code("b", id="b"))
    theirs, written = jupyters(json.loads(json.dumps(node)))

    ours = text.read(json.dumps(node).encode())

    assert ours is not None
    assert text.written(ours) == written.encode()
    assert Trust(notary).signature(ours) == notary.compute_signature(theirs)


@pytest.mark.parametrize(
    "odd",
    [
        code(["a", 1], id="a"),
        code([["a"], "b"], id="a"),
        code("a", id="a", metadata=["b"]),
        code("a", id="a", outputs={"b": 1}),
    ],
)
def test_what_would_be_lost_from_a_cell_is_not_mended(odd: dict[str, Any]) -> None:
    data = json.dumps(notebook(odd, code("b", id="b"))).encode()

    with pytest.raises((TypeError, AttributeError)):
        text.read(data)


def test_what_a_hook_has_put_in_is_written_as_jupyter_writes_it() -> None:
    node = notebook(code("a", id="a", metadata={"b": b"bytes", "t": (1, 2)}))

    assert text.written(node) == jupyters(node)[1].encode()


def test_a_signature_is_not_part_of_what_is_signed(notary: Any) -> None:
    plain = notebook(code("a", id="a"), metadata={})
    signed = notebook(code("a", id="a"), metadata={"signature": "x"})

    assert Trust(notary).signature(plain) == Trust(notary).signature(signed)


def test_half_a_surrogate_pair_is_written_as_json_has_it_and_not_signed(
    notary: Any, tmp_path: Path
) -> None:
    node = notebook(code("a", id="a", outputs=[stream("\ud83d\n")]))
    file = tmp_path / "a.ipynb"

    file.write_bytes(text.written(node))

    assert json.loads(file.read_text(encoding="utf-8"))["cells"][0]["outputs"][0]["text"] == [
        "\ud83d\n"
    ]
    assert Trust(notary).signature(node) == ""


@given(node=NOTEBOOKS)
def test_long_texts_are_written_and_signed_in_slices_as_they_are_as_a_whole(
    notary: Any, node: dict[str, Any]
) -> None:
    theirs, written = jupyters(json.loads(json.dumps(node)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_SLICE", 2)
        ours = text.read(json.dumps(node).encode())
        assert ours is not None
        assert text.written(ours) == written.encode(errors="backslashreplace")
        assert Trust(notary).signature(ours) == notary.compute_signature(theirs)
