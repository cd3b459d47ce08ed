"""Whether a loaded module matches its file."""

from __future__ import annotations

import types
from pathlib import Path

import pytest

from jupyter_mcp_ext.in_kernel.variables.stale import differs

OLD = """
import math
RATE = 0.5
count = 0
DAY = 24 * 60 * 60
SIZE = (-1, "a")
TABLE = {"a": 1}
made = [RATE]
class Shop:
    def price(self): return 1
    @staticmethod
    def tax(): return 2
def total():
    global count
    count += 1
    return [x for x in made]
"""


@pytest.mark.parametrize(
    ("old", "new", "is_stale"),
    [
        ("return 1", "return 1", False),
        ("return 1", "return 3", True),
        ("return 2", "return 3", True),
        ("x in made", "y in made", True),
        ("0.5", "0.6", True),
        ("import math\n", "import math\nimport os\n", True),
        ("def total", "def other(): pass\ndef total", True),
        ("class Shop", "class Store", True),
        ("return 1", "return (", False),
        ("[RATE]", "[7]", False),
        ("24 * 60", "25 * 60", True),
        ('(-1, "a")', '(-1, "b")', True),
        ('(-1, "a")', "(-1, len('b'))", False),  # what it would become is not known
        ('{"a": 1}', '{"a": 2}', False),  # code may have changed it in place
        ("24 * 60", "9 ** 9 ** 9 * 60", False),
    ],
)
def test_a_module_is_compared_with_its_file(
    tmp_path: Path, old: str, new: str, is_stale: bool
) -> None:
    file = tmp_path / "shop.py"
    held = vars(types.ModuleType("shop"))
    exec(compile(OLD, str(file), "exec", dont_inherit=True), held)  # noqa: S102  # an import
    held["total"]()
    file.write_text(OLD.replace(old, new))

    assert differs(held, str(file), str(file)) is is_stale
