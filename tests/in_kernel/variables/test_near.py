"""Near misses of errors, from the exception and its frames."""

from __future__ import annotations

import linecache
import os
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from jupyter_mcp_ext.in_kernel.variables.near import near

FRAME = pd.DataFrame({"price": [1.0, 2.0], "city": ["a", "b"], " qty": [1, 2]}, index=["x1", "x2"])
COLUMNS = "the columns are 'price', 'city', ' qty'"
NAMES = {
    "df": FRAME,
    "p": pl.DataFrame({"price": [1]}),
    "cfg": {"model": {"layers": 3}, 1: 2},
    "price": 3,
}


class Explosive(dict[str, int]):
    """A dict whose look-up is the user's code."""

    def __getitem__(self, key: str) -> int:
        NAMES["ran"] = True
        raise KeyError(key)


def said(code: str, root: Path | str = "", **names: Any) -> list[str]:
    """The notices about the error that code ends with."""
    file = f"<near {code}>"
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    try:
        exec(compile(code, file, "exec"), {**NAMES, **names})  # noqa: S102  # as a kernel does
    except Exception as err:  # noqa: BLE001
        trace = err.__traceback__
        sys.last_value = err.with_traceback(trace.tb_next if trace is not None else None)
        return near(type(err).__name__, str(root))
    finally:
        del linecache.cache[file]
    raise AssertionError(code)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("df['pric']", f"there is no column 'pric': did you mean 'price'? {COLUMNS}"),
        ("df['qty']", f"there is no column 'qty': did you mean ' qty'? {COLUMNS}"),
        ("df[['price', 'cty']]", f"there is no column 'cty': did you mean 'city'? {COLUMNS}"),
        ("df[['foo', 'bar']]", f"there is no column 'foo': {COLUMNS}"),
        ("df.groupby('Price')", f"there is no column 'Price': did you mean 'price'? {COLUMNS}"),
        ("df.sort_values('pric')", f"there is no column 'pric': did you mean 'price'? {COLUMNS}"),
        ("df.loc['x3']", "there is no label 'x3': the labels are 'x1', 'x2'"),
        ("df.pric", "pandas.DataFrame has no 'pric': did you mean 'price'?"),
        ("p['pric']", "there is no column 'pric': did you mean 'price'? the columns are 'price'"),
        ("cfg['modle']", "cfg has no key 'modle': did you mean 'model'?"),
        ("k = 'layer'\ncfg['model'][k]", "cfg['model'] has no key 'layer': did you mean 'layers'?"),
        ("def f(d):\n    d.pop('layerz')\nf(cfg['model'])", "d has no key 'layerz': did you mean"),
        ("cfg['1']", "cfg has no key '1': it has 'model', 1"),
        ("cfg[2]", "cfg has no key 2: it has 'model', 1"),
        ("import math\nmath.squrt(2)", "module has no 'squrt': did you mean 'sqrt' or 'isqrt'?"),
        ("prce + 1", "there is no 'prce': did you mean 'price'?"),
        ("prnt(1)", "there is no 'prnt': did you mean 'print'"),
    ],
)
def test_an_error_offers_what_it_has_nearly_named(code: str, words: str) -> None:
    [found] = said(code)

    assert found.startswith(words)


@pytest.mark.parametrize(
    "code",
    [
        "raise KeyError",
        "raise KeyError(object())",
        "raise KeyError('a', 'b')",
        "import os\nos.environ['JUPYTER_NO_SUCH_NAME']",
        "nothing_like_it_is_here",
        "open('')",
        "open('http://localhost/x.csv')",
        "1 / 0",
    ],
)
def test_where_nothing_is_near_nothing_is_said(code: str) -> None:
    assert said(code) == []


def test_code_of_a_users_dict_is_not_run_again() -> None:
    NAMES.pop("ran", None)

    assert said("own['a']", own=Explosive(ab=1)) == []
    assert said("del ran\nown['model']['a']", own=Explosive(ab=1), ran=1) == []
    assert NAMES.pop("ran") is True  # by the code itself, once for each


def test_an_error_that_is_not_the_latest_is_not_reported() -> None:
    said("cfg['modle']")

    assert near("NameError", "") == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dta/orders.csv", "the kernel's folder has no 'dta': did you mean 'data'?"),
        ("data/order.csv", "the folder data has no 'order.csv': did you mean 'orders.csv'?"),
        ("data/zzzzzzzzzz", "the folder data has no 'zzzzzzzzzz': it has 'orders.csv'"),
        ("empty/a", "the folder empty is empty"),
        ("root.csv", "root.csv is in Jupyter's root folder: from here it is '../root.csv'"),
        ("sub/root.csv", "sub/root.csv is in Jupyter's root folder: from here it is '../sub/root"),
        ("wrong/root.csv", "root.csv is in Jupyter's root folder: from here it is '../root.csv'"),
    ],
)
def test_a_missing_file_offers_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    for folder in ("here/data", "here/empty", "sub"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("here/data/orders.csv", "here/data/.hidden", "root.csv", "sub/root.csv"):
        (tmp_path / file).touch()
    monkeypatch.chdir(tmp_path / "here")

    [found] = said(f"open({name!r})", tmp_path)

    assert found.startswith(words)
    assert said(f"import os\nos.listdir({os.fsencode(name)!r})", tmp_path) == [found]
