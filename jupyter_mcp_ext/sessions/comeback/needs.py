"""Which statements only define something, and which names they need for it."""

from __future__ import annotations

import ast

from .names import bound_names, dotted_name, imported_names, root_name, root_name_of_call

METHOD_DECORATORS = {
    "property",
    "staticmethod",
    "classmethod",
    "abstractmethod",
    "abc.abstractmethod",
}

PROPERTY_PARTS = {"setter", "getter", "deleter"}


def read_needs(statement: ast.stmt) -> frozenset[str] | None:
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


def _needs_of_try(statement: ast.Try) -> frozenset[str] | None:
    needs: set[str] = set()
    bodies = [statement.body, statement.orelse, statement.finalbody]
    for handler in statement.handlers:
        bodies.append(handler.body)
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        for kind in kinds:
            if kind is not None:
                root = root_name(kind)
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
    return frozenset(needs - set(imported_names(statement)))


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
        root = root_name(base)
        if root is None and not _is_literal(base):
            return None
        needs |= {root} if root is not None else set()
    # The decorator reads the annotations and adds methods: it runs nothing of the user's, and
    # data of a session is mostly made of such classes.
    is_dataclass = len(node.decorator_list) == 1 and _is_dataclass(node.decorator_list[0])
    if node.decorator_list and not is_dataclass:
        return None
    needs |= {r for r in map(root_name_of_call, node.decorator_list) if r is not None}
    own: set[str] = set()
    for one in node.body:
        inner = _needs_of_class_part(one, is_dataclass=is_dataclass)
        if inner is None:
            return None
        needs |= inner - own
        own.update(bound_names(one))
    return frozenset(needs)


def _needs_of_class_part(node: ast.stmt, *, is_dataclass: bool) -> frozenset[str] | None:
    needs: frozenset[str] | None = None
    match node:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            needs = frozenset()
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            named = [dotted_name(one) for one in node.decorator_list]
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
    if dotted_name(value.func) not in {"field", "dataclasses.field"}:
        return None
    needs = {str(root_name(value.func))}
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
    return dotted_name(decorator) in {"dataclass", "dataclasses.dataclass"}


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
