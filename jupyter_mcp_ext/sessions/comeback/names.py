"""Which names a statement of Python binds, and which names stand at the root of expressions."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator


def imported_names(node: ast.AST) -> Iterator[str]:
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


def bound_names(node: ast.AST) -> Iterator[str]:
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
                yield from global_names(one)
                inner = [*one.decorator_list, *one.bases]
            case ast.FunctionDef() | ast.AsyncFunctionDef() as one:
                yield one.name
                yield from global_names(one)
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


def global_names(node: ast.AST) -> Iterator[str]:
    """Names that functions and classes in a statement declare to be the session's."""
    for one in ast.walk(node):
        if isinstance(one, ast.Global):
            yield from one.names


def dotted_name(node: ast.expr) -> str | None:
    """An expression like ``abc.abstractmethod`` as text; None for any other."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            before = dotted_name(node.value)
            return None if before is None else f"{before}.{node.attr}"
        case _:
            return None


def root_name(node: ast.expr) -> str | None:
    """The first name in an expression like ``abc.abstractmethod``."""
    dotted = dotted_name(node)
    return None if dotted is None else dotted.partition(".")[0]


def root_name_of_call(node: ast.expr) -> str | None:
    """The first name in such an expression, which may be a call."""
    return root_name(node.func if isinstance(node, ast.Call) else node)
