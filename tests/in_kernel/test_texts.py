"""The texts that are sent to kernels."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jupyter_mcp_ext.in_kernel import texts
from jupyter_mcp_ext.in_kernel.joining import FOLDER, joined

OURS = {FOLDER / f"{name}.py" for name in ("bash", "expressions", "joining", "texts")}
"""The server's own."""

MODULES = {
    ".".join(path.relative_to(FOLDER).with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in sorted(FOLDER.rglob("[a-z]*.py"))
    if path not in OURS
}

FUNCTIONS: dict[Callable[[], str], tuple[str, ...]] = {
    texts.listing: ("listing",),
    texts.inspection: ("inspection",),
    texts.near: ("near",),
    texts.stale: ("stale",),
    texts.beginning: ("begin",),
    texts.saving: ("save", "supervise"),
    texts.loading: ("load", "about"),
    texts.forgetting: ("forget",),
    texts.running: ("run",),
    texts.holding: ("hold",),
    texts.environment: ("where", "loaded"),
    texts.whitespace: ("whitespace",),
    texts.distributions: ("describe",),
}
"""The functions that are called in each text."""


@pytest.mark.parametrize("text", FUNCTIONS, ids=lambda text: text.__name__)
def test_a_text_stands_alone_and_has_its_functions(text: Callable[[], str]) -> None:
    space: dict[str, Any] = {"__name__": "alone"}

    exec(compile(text(), "text", "exec", dont_inherit=True), space)  # noqa: S102  # as in a kernel

    assert all(callable(space[function]) for function in FUNCTIONS[text])


def test_kernels_of_python_3_8_can_read_all() -> None:
    sent = [text() for text in FUNCTIONS] + [texts.interrupts()]
    trees = [ast.parse(each, feature_version=(3, 8)) for each in (*MODULES.values(), *sent)]

    assert not [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Match)]


def test_they_import_no_more_than_the_standard_library() -> None:
    nodes = [node for source in MODULES.values() for node in ast.walk(ast.parse(source))]
    plain = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    others = {str(n.module) for n in nodes if isinstance(n, ast.ImportFrom) and not n.level}

    assert {name.partition(".")[0] for name in plain | others} <= sys.stdlib_module_names


def statements(text: str) -> list[str]:
    """Its statements in their order, without what is left out of a text."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(args=given):
                node.returns = None
                for each in (*given.posonlyargs, *given.args, *given.kwonlyargs):
                    each.annotation = None
                for last in (given.vararg, given.kwarg):
                    if last is not None:
                        last.annotation = None
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
            node.body = [each for each in node.body if not is_string(each)]
    return [ast.unparse(each) for each in tree.body if not is_own_import(each)]


def is_string(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False


def is_own_import(node: ast.stmt) -> bool:
    """Also one of the imports that only annotations need."""
    return isinstance(node, ast.ImportFrom) and (
        node.level > 0 or node.module in ("__future__", "typing")
    )


@pytest.mark.parametrize("module", MODULES)
def test_nothing_that_runs_is_left_out_of_a_text(module: str) -> None:
    text = joined(module)

    assert statements(text)[-len(statements(MODULES[module])) :] == statements(MODULES[module])
    assert ast.get_docstring(ast.parse(text)) is None


@pytest.mark.parametrize("module", MODULES)
def test_annotations_that_are_left_are_not_evaluated(module: str) -> None:
    text = joined(module)
    nodes = list(ast.walk(ast.parse(text)))
    annotations = [node for node in nodes if getattr(node, "annotation", None) is not None]

    assert not annotations or text.startswith("from __future__ import annotations\n")


def bound(source: str) -> Iterator[str]:
    """The names that a module binds itself."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


@pytest.mark.parametrize("folder", ["snapshot", "variables"])
def test_no_two_modules_bind_one_name(folder: str) -> None:
    """In the joined text, the later definition would win."""
    sources = [source for name, source in MODULES.items() if name.startswith(f"{folder}.")]
    counts = Counter(name for source in sources for name in bound(source))

    assert [name for name, count in counts.items() if count > 1] == []


def test_a_module_stands_behind_those_that_it_imports() -> None:
    text = joined("variables.listing")

    assert text.index("def deep_size(") < text.index("def listing(")
    assert text.count("def deep_size(") == 1


def test_what_is_compiled_later_is_there_when_it_is_called() -> None:
    space: dict[str, Any] = {"__name__": "alone"}
    text = joined("variables.near", later=("variables.code",))

    exec(compile(text, "text", "exec", dont_inherit=True), space)  # noqa: S102  # as in a kernel
    before = "signature" in space

    assert space["lines_of"](__file__)[0] == f'"""{__doc__}"""\n'
    assert not before
    assert "signature" in space
