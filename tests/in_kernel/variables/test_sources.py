"""The code that is sent to kernels."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mcp_ext.in_kernel import variables
from jupyter_mcp_ext.variables import sources

MODULES = sorted(Path(variables.__file__).parent.glob("[a-z]*.py"))
TEXTS = {"listing": sources.listing(), "inspection": sources.inspection()}


@pytest.mark.parametrize("function", TEXTS)
def test_a_text_stands_alone_and_has_its_function(function: str) -> None:
    space: dict[str, object] = {}

    exec(compile(TEXTS[function], "text", "exec", dont_inherit=True), space)  # noqa: S102  # as in a kernel

    assert callable(space[function])


def bound(module: Path) -> Iterator[str]:
    """The names that a module binds itself."""
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def test_no_two_modules_bind_one_name() -> None:
    """In the joined text, the later definition would win."""
    counts = Counter(name for module in MODULES for name in bound(module))

    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_kernels_of_python_3_8_can_read_it(module: Path) -> None:
    tree = ast.parse(module.read_text(), feature_version=(3, 8))

    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_it_imports_no_more_than_the_standard_library(module: Path) -> None:
    nodes = list(ast.walk(ast.parse(module.read_text())))
    plain = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    others = {str(n.module) for n in nodes if isinstance(n, ast.ImportFrom) and not n.level}

    assert {name.partition(".")[0] for name in plain | others} <= sys.stdlib_module_names
