"""Variables and functions of a bash, as ``declare -p`` and ``declare -F`` print them; pure.

The text is data: nothing of it is run, here or in the shell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jupyter_mcp_ext.kernels import activation

HEAD = re.compile(r"declare -(?P<flags>[-A-Za-z]+) (?P<name>[^\s=]+)")

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

QUOTED = r"""\$'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"|'[^']*'|\\."""
"""A quoted or escaped part, in each of bash's notations."""

PART = re.compile(rf"""{QUOTED}|[^\n"'\\$]+|\$""", re.DOTALL)

WORD = rf"""(?:{QUOTED}|\$(?!')|[^\s"'\\$\])])*"""

KEY = rf"""(?:{QUOTED}|\$(?!')|[^\s"'\\$[\])])*"""
"""A word with quoted brackets, as bash writes keys."""

ELEMENT = re.compile(rf"\[({KEY})\]=({WORD})", re.DOTALL)

ESCAPES = dict(zip("abeEfnrtv\\'\"?", "\a\b\x1b\x1b\f\n\r\t\v\\'\"?", strict=True))

ANSI_C = re.compile(r"\\(?:(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9a-fA-F]{1,2})|(?P<one>.))", re.DOTALL)

PLAIN = re.compile(r'\\([\\"$`!\n])')

ATTRIBUTES = {"r": "readonly", "x": "exported", "l": "lower case", "u": "upper case", "t": "traced"}

SHELLS_OWN = re.compile(
    r"_|BASH|BASH_\w+|BASHOPTS|BASHPID|COLUMNS|COMP_\w+|COMPREPLY|COPROC|DIRSTACK|EPOCH(?:REALTIME"
    r"|SECONDS)|EUID|FUNCNAME|FUNCNEST|GROUPS|HIST\w+|histchars|HOSTNAME|HOSTTYPE|IFS|LINENO|LINES"
    r"|MACHTYPE|MAILCHECK|MAPFILE|OLDPWD|OPTARG|OPTERR|OPTIND|OSTYPE|PIPESTATUS|POSIXLY_CORRECT"
    r"|PPID|PROMPT_COMMAND|PROMPT_DIRTRIM|PS[0-4]|PWD|RANDOM|READLINE_\w+|REPLY|SECONDS|SHELLOPTS"
    r"|SHLVL|SRANDOM|TIMEFORMAT|UID|JPY_\w+|NOTEBOOK_BASH_KERNEL_CAPABILITIES|PAGER|TERM"
)
"""Variables that bash, Jupyter or bash_kernel set."""

DEFAULTS = frozenset({"HOME", "PATH", "SHELL"})
"""Variables that bash sets, not exported, if its environment does not have them."""

KERNELS_FUNCTIONS = frozenset({"display", "displayHTML", "displayJS"})


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A variable or a function."""

    name: str
    flags: str
    quoted: str | None = None
    """Its value as bash quotes it; None if it has none. It is unquoted only when it is read."""

    @property
    def is_set(self) -> bool:
        """Whether it has a value."""
        return self.quoted is not None

    @property
    def value(self) -> str:
        """The text of a variable that is not an array."""
        return "" if self.is_array else _text(self.quoted or "")

    def elements(self) -> Iterator[tuple[str, str]]:
        """The keys and values of an array."""
        for found in ELEMENT.finditer(self.quoted or "") if self.is_array else ():
            yield _text(found[1]), _text(found[2])

    @property
    def count(self) -> int:
        """How many elements an array has."""
        return sum(1 for _ in ELEMENT.finditer(self.quoted or ""))

    @property
    def is_function(self) -> bool:
        """Whether it is a function."""
        return "f" in self.flags

    @property
    def is_array(self) -> bool:
        """Whether it has elements, by number or by word."""
        return "a" in self.flags or "A" in self.flags

    @property
    def type(self) -> str:
        """``string``, ``integer``, ``array``, ``associative array``, ``reference``, ``function``"""
        for flag, words in (
            ("f", "function"),
            ("A", "associative array"),
            ("a", "array"),
            ("n", "reference"),
            ("i", "integer"),
        ):
            if flag in self.flags:
                return words
        return "string"

    @property
    def attributes(self) -> str:
        """``exported, readonly``"""
        return ", ".join(words for flag, words in ATTRIBUTES.items() if flag in self.flags)

    def is_users(self, environment: Mapping[str, str]) -> bool:
        """Whether a person or an agent made it, not the shell or the program that started it."""
        if self.is_function:
            return self.name not in KERNELS_FUNCTIONS
        if SHELLS_OWN.fullmatch(self.name) or self.name in activation.SET:
            return False
        if "x" in self.flags:
            return environment.get(self.name) != self.value
        return self.name not in DEFAULTS


def declarations(text: str) -> Iterator[Declaration]:
    """The declarations in a text, which may be cut off at its end."""
    at = 0
    while (head := HEAD.match(text, at)) is not None:
        end = _end(text, head.end())
        if end is None:
            return
        rest = text[head.end() : end]
        yield Declaration(
            name=head["name"],
            flags=head["flags"],
            quoted=rest[1:] if rest.startswith("=") else None,
        )
        at = end + 1


def _end(text: str, at: int) -> int | None:
    """The end of a declaration's line, which goes on in quotes; None if the text is cut off."""
    # Part by part: a single match would block every other thread.
    while (part := PART.match(text, at)) is not None:
        at = part.end()
    return at if text.startswith("\n", at) else None


def _text(word: str) -> str:
    """A word, in parts that may be quoted."""
    return "".join(_unquoted(part[0]) for part in PART.finditer(word))


def _unquoted(part: str) -> str:
    if part.startswith("$'"):
        return ANSI_C.sub(_character, part[2:-1])
    if part.startswith('"'):
        return PLAIN.sub(r"\1", part[1:-1])
    if part.startswith("'"):
        return part[1:-1]
    return part[1:] if part.startswith("\\") and len(part) > 1 else part


def _character(found: re.Match[str]) -> str:
    if found["octal"]:
        return chr(int(found["octal"], 8) & 0xFF)
    if found["hex"]:
        return chr(int(found["hex"], 16))
    return ESCAPES.get(found["one"], found[0])
