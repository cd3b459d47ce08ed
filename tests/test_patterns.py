"""Every regular expression of the package takes time in proportion to the text, whatever that is.

The attacks are made from the pattern itself: what it repeats is repeated, and then it fails. What
is linear takes milliseconds for them, what is quadratic minutes; in between is the limit, in
the processor time of this process.
"""

from __future__ import annotations

import ast
import importlib
import re
import signal
import types
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import jupyter_mcp_ext

try:
    from re import _parser as sre  # type: ignore[attr-defined]  # private, and there since 3.11
except ImportError:
    import sre_parse as sre  # type: ignore[no-redef,unused-ignore]

PACKAGE = Path(jupyter_mcp_ext.__file__).parent
LENGTH = 200_000
LIMIT = 1.0
"""Seconds of processor time; so many steps take a hundredth of it, their square a hundred times."""

METHODS = {"search", "match", "fullmatch", "findall", "finditer", "sub", "subn", "split"}
IN_KERNELS = "in_kernel."
"""Code that runs in kernels can only delay the kernel."""


def module_names() -> list[str]:
    names = (p.relative_to(PACKAGE).with_suffix("").parts for p in PACKAGE.rglob("*.py"))
    dotted = (".".join(part for part in name if part != "__init__") for name in names)
    return sorted(n for n in dotted if n and n != "__main__" and not n.startswith(IN_KERNELS))


@cache
def methods(path: Path) -> list[ast.expr]:
    """The attributes in a file that are such methods, and the calls of them."""
    text = path.read_text()
    if not re.search(rf"\.({'|'.join(METHODS)})\b", text):
        return []
    return [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute | ast.Call)
        and getattr(getattr(node, "func", node), "attr", "") in METHODS
    ]


@cache
def uses() -> dict[tuple[str, str], set[str]]:
    """The methods that are called on names, by module (empty for public names) and name."""
    found: dict[tuple[str, str], set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in methods(path):
            if isinstance(node, ast.Attribute):
                value = node.value
                name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
                owner = str(path) if name.startswith("_") else ""
                found.setdefault((owner, name), set()).add(node.attr)
    return found


def patterns() -> Iterator[tuple[str, Any, int, str]]:
    """A name, the pattern, its flags and a method with which it is used."""
    for module_name in module_names():
        module = importlib.import_module(f"jupyter_mcp_ext.{module_name}")
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                owner = str(module.__file__) if name.startswith("_") else ""
                for method in sorted(uses().get((owner, name), {"search"})):
                    yield f"{module_name}.{name}", value.pattern, value.flags, method
        yield from inline(module_name, module)


def inline(module_name: str, module: types.ModuleType) -> Iterator[tuple[str, Any, int, str]]:
    for node in methods(Path(str(module.__file__))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and getattr(node.func.value, "id", "") == "re"
            and isinstance(node.args[0], ast.Constant)
        ):
            yield f"{module_name}:{node.lineno}", node.args[0].value, 0, node.func.attr


def attacks(pattern: str | bytes, flags: int) -> Iterator[str]:
    """Texts in which a part of the pattern is repeated and its end never matches."""
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    parsed = sre.parse(text, flags & ~re.UNICODE if isinstance(pattern, bytes) else flags)
    whole = sample(parsed)
    pumps = dict.fromkeys([whole, whole[:-1], " ", "\n", "a", *islice(prefixes(parsed), 6)])
    for piece in pumps:
        if piece:
            yield piece * (LENGTH // len(piece)) + "\0"
    for before, pump in dict.fromkeys(islice(repeats(parsed, ""), 30)):
        if pump:
            yield before + pump * (LENGTH // len(pump)) + "\0"


def prefixes(parsed: Any) -> Iterator[str]:
    """The text that the pattern has matched after each of its parts."""
    items = list(parsed)
    for end in range(1, len(items)):
        yield sample(items[:end])
    for op, argument in items:
        if str(op) == "SUBPATTERN":
            yield from prefixes(argument[-1])
        elif str(op) == "BRANCH":
            for branch in argument[1]:
                yield from prefixes(branch)
                yield sample(branch)


def repeats(parsed: Any, before: str) -> Iterator[tuple[str, str]]:
    """The unbounded repeats, each with the text before it."""
    for op, argument in parsed:
        match str(op):
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT" if argument[1] > 50:
                yield from ((before, one) for one in samples(argument[2]))
                yield from repeats(argument[2], before)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                yield from repeats(argument[2], before)
            case "SUBPATTERN":
                yield from repeats(argument[-1], before)
            case "BRANCH":
                for branch in argument[1]:
                    yield from repeats(branch, before)
        before += sample([(op, argument)])


def sample(parsed: Any) -> str:
    return next(iter(samples(parsed)))


def samples(parsed: Any) -> list[str]:
    """A few short texts that the pattern matches."""
    texts = [""]
    for op, argument in parsed:
        texts = [text + more for text in texts[:4] for more in one(str(op), argument)[:4]]
    return texts


def one(op: str, argument: Any) -> list[str]:  # noqa: PLR0911 (one for each kind)
    match op:
        case "LITERAL":
            return [chr(argument)]
        case "ANY" | "NOT_LITERAL":
            return [c for c in "a <" if op == "ANY" or ord(c) != argument]
        case "IN":
            return members(argument)
        case "SUBPATTERN":
            return samples(argument[-1])
        case "BRANCH":
            return [text for branch in argument[1] for text in samples(branch)]
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            low = max(int(argument[0]), 1)
            return [text * low for text in samples(argument[2])]
        case _:
            return [""]  # matches between characters


def members(argument: Any) -> list[str]:
    pattern = re.compile("[" + "".join(written(op, value) for op, value in argument) + "]")
    return [c for c in "a0 \n<>\"'/.-_=\\[]@\0{}\x1b" if pattern.match(c)] or [
        chr(n) for n in range(0x10000) if pattern.match(chr(n))
    ][:1]


def written(op: Any, value: Any) -> str:
    match str(op):
        case "NEGATE":
            return "^"
        case "LITERAL":
            return re.escape(chr(value))
        case "RANGE":
            return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        case _:
            names = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}
            letter = names[str(value).rpartition("_")[2]]
            return "\\" + (letter.upper() if str(value).startswith("CATEGORY_NOT") else letter)


class TooSlow(Exception):
    pass


@pytest.fixture
def limited() -> Iterator[None]:
    def end(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, end)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


def is_slow(pattern: str | bytes, flags: int, method: str, text: str) -> bool:
    compiled = re.compile(pattern, flags)
    given: Any = text.encode("latin-1", "replace") if isinstance(pattern, bytes) else text
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT)
    try:
        if method in {"sub", "subn"}:
            compiled.sub(given[:0], given)
        elif method == "finditer":
            compiled.findall(given)
        else:
            getattr(compiled, method)(given)
    except TooSlow:
        return True
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return False


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(
    "pattern", [r"(?:a|a)*b", r"<text[^>]*>([^<]+)<", r"[a-z]+=", r"x[\w]*[\w.]*$", r"\s*=\s*y"]
)
def test_the_attacks_find_a_pattern_that_is_slow(pattern: str) -> None:
    assert any(is_slow(pattern, 0, "search", text) for text in attacks(pattern, 0))


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(
    ("pattern", "flags", "method"),
    [pytest.param(*rest, id=f"{name}-{rest[2]!s}") for name, *rest in patterns()],
)
def test_a_pattern_takes_time_in_proportion(pattern: str | bytes, flags: int, method: str) -> None:
    slow = (text for text in attacks(pattern, flags) if is_slow(pattern, flags, method, text))

    assert next((text[:200] for text in slow), None) is None
