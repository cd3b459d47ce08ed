"""What of a Python session can be run again without running its side effects again.

Imports, functions, classes and constants, read from the text of the cells. What is not certain to
be harmless, or not certain to give the same again, is left out.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

BUILTINS = frozenset(dir(builtins))

METHOD_DECORATORS = {
    "property",
    "staticmethod",
    "classmethod",
    "abstractmethod",
    "abc.abstractmethod",
}

PROPERTY_PARTS = {"setter", "getter", "deleter"}

MAGIC = re.compile(
    r"""^(?P<indent>\s*)(?:
        (?P<target>[A-Za-z_][\w\s,.]*?)\s*=\s*(?:%[A-Za-z]|!)   # x = %magic, x = !command
        | %{1,2}[A-Za-z]\w*(?P<rest>.*)                         # %time x = 1
        | !.*
        | \?{1,2}[\w.*%]+
        | [%\w.*\[\]]+\?{1,2}                                   # obj?
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, kw_only=True)
class Definitions:
    """What can be run again."""

    sources: tuple[str, ...]
    """In the order in which they are to be run."""

    names: frozenset[str]
    """What they bind and nothing after them does."""


@dataclass(frozen=True, kw_only=True)
class _Statement:
    """A top-level statement that is a definition by its form."""

    place: int
    """Among all statements."""
    source: str
    binds: frozenset[str]
    needs: frozenset[str]
    """Names that must have their value when it is run; those in function bodies need not."""
    is_constant: bool
    is_certain: bool
    """Whether it was run."""


@dataclass(frozen=True, kw_only=True)
class _Others:
    """What is not run again."""

    binds: dict[str, int]
    """Names that it binds, with the last place; imports apart."""
    imports: set[str]

    def add(self, names: Iterable[str], place: int) -> None:
        for name in names:
            self.binds[name] = max(place, self.binds.get(name, -1))


def definitions(cells: Sequence[str], *, partial: Collection[int] = ()) -> Definitions:
    """What of the cells, in the order in which they were run, can be run again.

    ``partial`` are the indexes of cells that ended early, by an error for example: what they
    define counts only where no other cell defines the name otherwise.
    """
    candidates: list[_Statement] = []
    others = _Others(binds={}, imports=set())
    for place, (index, text, statement, is_whole) in enumerate(_statements(cells)):
        read = _read(text, statement, place, index not in partial) if is_whole else None
        if read is None:
            others.add(_bound(statement), place)
            others.imports.update(_imported(statement))
        else:
            candidates.append(read)
        if "global" in text:
            others.add(_declared_global(statement), sys.maxsize)  # bound whenever it is called
    kept = _harmless(candidates, others)
    last = {name: one.place for one in kept for name in one.binds}
    names = {name for name, place in last.items() if place > others.binds.get(name, -1)}
    return Definitions(sources=tuple(one.source for one in kept), names=frozenset(names))


def _harmless(candidates: list[_Statement], others: _Others) -> list[_Statement]:
    """Those whose needs are met by others of them; ``others`` gets what the rest binds."""
    sources: dict[str, set[str]] = {}
    for one in candidates:
        for name in one.binds:
            sources.setdefault(name, set()).add(one.source)
    certain = []
    for one in candidates:
        is_only = (
            all(len(sources[name]) == 1 for name in one.binds)
            and others.binds.keys().isdisjoint(one.binds)
            and not (one.is_constant and others.imports & one.binds)
        )
        if is_only or (one.is_certain and not one.is_constant):
            certain.append(one)
        else:
            others.add(one.binds, one.place)
    while True:
        known: set[str] = set()
        kept = []
        rejected = []
        for one in certain:
            met = all(
                name not in others.binds
                if name in known
                else name in BUILTINS - others.binds.keys()
                for name in one.needs
            )
            if met:
                kept.append(one)
                known.update(one.binds)
            else:
                rejected.append(one)
        if not rejected:
            return _once(kept)
        for one in rejected:
            others.add(one.binds, one.place)
        certain = kept


def _once(statements: list[_Statement]) -> list[_Statement]:
    """Each source at its last place, and before that only where a later one needs it there."""
    last = {one.source: place for place, one in enumerate(statements)}
    places = set(last.values())
    for place in range(len(statements) - 1, -1, -1):
        if place not in places:
            continue
        for name in statements[place].needs:
            before = (p for p in range(place - 1, -1, -1) if name in statements[p].binds)
            places.update(islice(before, 1))
    return [statements[place] for place in sorted(places)]


def _statements(cells: Sequence[str]) -> Iterator[tuple[int, str, ast.stmt, bool]]:
    """Every top-level statement with its cell's index and text, and whether it is plain Python.

    The rest is not run again, but the names that it binds matter.
    """
    for index, cell in enumerate(cells):
        is_magic = cell.lstrip().startswith("%%")
        text = cell.lstrip().partition("\n")[2] if is_magic else cell
        parsed = _parsed(text)
        if parsed is None:
            continue
        text, tree, magic_lines = parsed
        for statement in tree.body:
            lines = range(_first_line(statement), (statement.end_lineno or 0) + 1)
            yield index, text, statement, not is_magic and magic_lines.isdisjoint(lines)


def _parsed(text: str) -> tuple[str, ast.Module, set[int]] | None:
    """The text without its line magics, its tree, and the lines that were magics."""
    tree = _tree(text)
    if tree is not None:
        return text, tree, set()
    lines = text.split("\n")
    magics = set()
    for number, line in enumerate(lines):
        found = MAGIC.match(line)
        if found:
            lines[number] = _replaced(found)
            magics.add(number + 1)
    text = "\n".join(lines)
    tree = _tree(text)
    return None if tree is None else (text, tree, magics)


def _replaced(magic: re.Match[str]) -> str:
    """A line that binds what the magic binds, and is no definition."""
    indent, rest = magic["indent"], (magic["rest"] or "").strip()
    if magic["target"]:
        return f"{indent}{magic['target']} = get_ipython()"
    # ``%time x = 1`` binds x; what is no Python, as in ``%cd here``, does not.
    return f"{indent}if get_ipython(): {rest}" if rest and _tree(rest) else f"{indent}pass"


def _tree(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # NUL bytes, deep nesting
        return None


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(one.lineno for one in decorators)])


def _read(text: str, statement: ast.stmt, place: int, is_certain: bool) -> _Statement | None:
    """The statement as a definition; None when it is none."""
    try:
        needs = _needs(statement)
    except RecursionError:
        return None
    source = None if needs is None else _source(text, statement)
    if source is None or needs is None:
        return None
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            binds = {statement.name}  # what it declares global is bound when it is called
        case _:
            binds = {*_bound(statement), *_imported(statement)}
    return _Statement(
        place=place,
        source=source,
        binds=frozenset(binds),
        needs=needs,
        is_constant=isinstance(statement, ast.Assign | ast.AnnAssign),
        is_certain=is_certain,
    )


def _needs(statement: ast.stmt) -> frozenset[str] | None:
    """The names that a definition needs; None when the statement is none."""
    match statement:
        case ast.Import() | ast.ImportFrom():
            return frozenset()
        case ast.Try():
            return _needs_of_try(statement)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return None if statement.decorator_list else _needs_of_function(statement)
        case ast.ClassDef():
            return _needs_of_class(statement)
        case ast.Assign() | ast.AnnAssign():
            return _needs_of_constant(statement)
        case _:
            return None


def _source(text: str, statement: ast.stmt) -> str | None:
    source = ast.get_source_segment(text, statement)
    first = _first_line(statement)
    if source is None or first == statement.lineno:
        return source
    # The segment of a decorated class begins after its decorators.
    return "\n".join([*text.split("\n")[first - 1 : statement.lineno - 1], source])


def _needs_of_try(statement: ast.Try) -> frozenset[str] | None:
    needs: set[str] = set()
    bodies = [statement.body, statement.orelse, statement.finalbody]
    for handler in statement.handlers:
        bodies.append(handler.body)
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        for kind in kinds:
            if kind is not None:
                root = _root(kind)
                if root is None:
                    return None
                needs.add(root)
    for one in (one for body in bodies for one in body):
        match one:
            case ast.Import() | ast.ImportFrom() | ast.Pass():
                pass
            case ast.Assign() if all(isinstance(t, ast.Name) for t in one.targets):
                if not _is_literal(one.value):
                    return None
            case _:
                return None
    if not any(isinstance(one, ast.Import | ast.ImportFrom) for one in statement.body):
        return None
    return frozenset(needs - set(_imported(statement)))


def _needs_of_constant(statement: ast.Assign | ast.AnnAssign) -> frozenset[str] | None:
    if isinstance(statement, ast.AnnAssign):
        is_constant = isinstance(statement.target, ast.Name) and statement.value is not None
        annotation = _needs_of_annotation(statement.annotation)
        if not is_constant or annotation is None or not _is_literal(statement.value):
            return None
        return annotation
    is_one_name = len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name)
    return frozenset() if is_one_name and _is_literal(statement.value) else None


def _needs_of_function(function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str] | None:
    """What its defaults and annotations name; None when they do more than name."""
    if getattr(function, "type_params", None):  # Python 3.12; scopes of their own
        return None
    needs: set[str] = set()
    arguments = function.args
    for default in [*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]:
        if isinstance(default, ast.Name):
            needs.add(default.id)
        elif not _is_literal(default):
            return None
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    for annotation in [*(one.annotation for one in every), function.returns]:
        if annotation is not None:
            named = _needs_of_annotation(annotation)
            if named is None:
                return None
            needs |= named
    return frozenset(needs)


def _needs_of_annotation(annotation: ast.expr) -> frozenset[str] | None:
    """Names in ``pd.DataFrame | list[int] | None``; None when it is more than that."""
    allowed = (
        ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Tuple, ast.List, ast.BinOp,
        ast.BitOr, ast.Load,
    )  # fmt: skip
    nodes = list(ast.walk(annotation))
    if not all(isinstance(node, allowed) for node in nodes):
        return None
    return frozenset(node.id for node in nodes if isinstance(node, ast.Name))


def _needs_of_class(node: ast.ClassDef) -> frozenset[str] | None:
    if getattr(node, "type_params", None):
        return None
    needs: set[str] = set()
    for base in [*node.bases, *(keyword.value for keyword in node.keywords)]:
        root = _root(base)
        if root is None and not _is_literal(base):
            return None
        needs |= {root} if root is not None else set()
    # The decorator reads the annotations and adds methods: it runs nothing of the user's, and
    # data of a session is mostly made of such classes.
    is_dataclass = len(node.decorator_list) == 1 and _is_dataclass(node.decorator_list[0])
    if node.decorator_list and not is_dataclass:
        return None
    needs |= {r for r in map(_root_of_call, node.decorator_list) if r is not None}
    own: set[str] = set()
    for one in node.body:
        inner = _needs_of_class_part(one, is_dataclass=is_dataclass)
        if inner is None:
            return None
        needs |= inner - own
        own.update(_bound(one))
    return frozenset(needs)


def _needs_of_class_part(node: ast.stmt, *, is_dataclass: bool) -> frozenset[str] | None:
    needs: frozenset[str] | None = None
    match node:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            needs = frozenset()
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            named = [_dotted(one) for one in node.decorator_list]
            if all(_is_method_decorator(one) for one in named):
                roots = {str(one).partition(".")[0] for one in named}
                of_function = _needs_of_function(node)
                needs = None if of_function is None else of_function | roots
        case ast.ClassDef():
            needs = _needs_of_class(node)
        case ast.AnnAssign(target=ast.Name()):
            annotation = _needs_of_annotation(node.annotation)
            value = _needs_of_value(node.value, is_dataclass=is_dataclass)
            needs = None if annotation is None or value is None else annotation | value
        case ast.Assign() if all(isinstance(target, ast.Name) for target in node.targets):
            needs = frozenset() if _is_literal(node.value) else None
    return needs


def _needs_of_value(value: ast.expr | None, *, is_dataclass: bool) -> frozenset[str] | None:
    """Of the default of an annotated name; ``field(default_factory=list)`` in dataclasses."""
    if value is None or _is_literal(value):
        return frozenset()
    if not is_dataclass or not isinstance(value, ast.Call) or value.args:
        return None
    if _dotted(value.func) not in {"field", "dataclasses.field"}:
        return None
    needs = {str(_root(value.func))}
    for keyword in value.keywords:
        if isinstance(keyword.value, ast.Name):
            needs.add(keyword.value.id)
        elif not _is_literal(keyword.value):
            return None
    return frozenset(needs)


def _is_dataclass(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Call):
        if decorator.args or not all(_is_literal(one.value) for one in decorator.keywords):
            return False
        decorator = decorator.func
    return _dotted(decorator) in {"dataclass", "dataclasses.dataclass"}


def _is_method_decorator(dotted: str | None) -> bool:
    if dotted is None:
        return False
    root, _, part = dotted.partition(".")
    return dotted in METHOD_DECORATORS or (bool(root) and part in PROPERTY_PARTS)


def _is_literal(node: ast.expr | None) -> bool:
    """Whether it is an immutable value written out."""
    match node:
        case ast.Constant():
            return node.value is not ...
        case ast.Tuple():
            return all(map(_is_literal, node.elts))
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=value)):
            return isinstance(value, int | float | complex)
        case ast.BinOp(op=ast.Add() | ast.Sub(), right=ast.Constant(value=complex())):
            return _is_literal(node.left)  # 1 - 2j
        case ast.Call(func=ast.Name(id="frozenset"), args=[ast.Set() | ast.Tuple() as inner]):
            return not node.keywords and all(map(_is_literal, inner.elts))
        case _:
            return False


def _dotted(node: ast.expr) -> str | None:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            before = _dotted(node.value)
            return None if before is None else f"{before}.{node.attr}"
        case _:
            return None


def _root(node: ast.expr) -> str | None:
    dotted = _dotted(node)
    return None if dotted is None else dotted.partition(".")[0]


def _root_of_call(node: ast.expr) -> str | None:
    return _root(node.func if isinstance(node, ast.Call) else node)


def _imported(node: ast.AST) -> Iterator[str]:
    """Names that the imports in a statement bind, outside functions and classes."""
    nodes = [node]
    while nodes:
        match nodes.pop():
            case ast.Import() as one:
                yield from (name.asname or name.name.partition(".")[0] for name in one.names)
            case ast.ImportFrom() as one:
                yield from (name.asname or name.name for name in one.names if name.name != "*")
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
                pass
            case one:
                nodes.extend(ast.iter_child_nodes(one))


def _bound(node: ast.AST) -> Iterator[str]:
    """Names that a statement binds or deletes in the session, imports apart."""
    nodes = [node]
    while nodes:
        inner: Iterable[ast.AST | None]
        match nodes.pop():
            case ast.Name(ctx=ast.Store() | ast.Del()) as one:
                yield one.id
                continue
            case ast.ClassDef() as one:
                yield one.name
                yield from _declared_global(one)
                inner = [*one.decorator_list, *one.bases]
            case ast.FunctionDef() | ast.AsyncFunctionDef() as one:
                yield one.name
                yield from _declared_global(one)
                inner = [*one.decorator_list, *one.args.defaults, *one.args.kw_defaults]
            case ast.Lambda() as one:
                inner = [*one.args.defaults, *one.args.kw_defaults]
            case ast.comprehension() as one:  # its targets are its own; a walrus in it is not
                inner = [one.iter, *one.ifs]
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() as one if one.name:
                yield one.name
                inner = ast.iter_child_nodes(one)
            case ast.MatchMapping() as one if one.rest:
                yield one.rest
                inner = ast.iter_child_nodes(one)
            case one:
                inner = ast.iter_child_nodes(one)
        nodes.extend(child for child in inner if child is not None)


def _declared_global(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Global):
            yield from one.names
