"""White space at the ends of values, which pandas strips from the frames that it shows.

Neither its HTML nor its text has it, so the kernel is asked about the first and last rows of what
the code shows, since only those are displayed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from jupyter_mcp_ext.outputs.text import strip

from .run import Adviser, Run

ASKED = "whitespace"

_SHOWN = re.compile(r"\b(?:display|print)\(\s{0,20}([A-Za-z_]\w{0,60})")
_STATEMENT = re.compile(
    r"[ \t#%!)\]}@]"
    r"|(?:assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global"
    r"|if|import|nonlocal|pass|raise|return|try|while|with)\b"
    r"|[\w.,\[\]'\" ]{1,100}(?:[-+*/%|&^@]|//|<<|>>|\*\*)?=(?!=)"
)
_MOST = 3  # displayed names that the kernel is asked about
_MAX_WORDS = 500

# Compiled only if something of pandas is shown: compiling takes longer than running it.
_FIND = """
lambda *shown: "; ".join(
    f"{name} " + ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
    for frame in {id(value): value for value in shown}.values()
    if type(frame).__name__ in ("DataFrame", "Series")
    for name, values in [
        ("index", frame.index),
        *([("columns", frame.columns)] if frame.ndim == 2 else [("values", frame)]),
        *([(str(frame.columns[n])[:40], frame.iloc[:, n])
           for n, dtype in [*enumerate(frame.dtypes)][:200] if dtype.kind == "O"][:20]
          if frame.ndim == 2 else []),
    ]
    if getattr(values.dtype, "kind", "") == "O"
    for found in [[*{
        repr(value if len(value) <= 40 else value[:20] + "…" + value[-18:]): 0
        for value in [*values.array[:30], *values.array[30:][-30:]]
        if isinstance(value, str) and value != value.strip()
    }]]
    if found
)[:400]
"""
_EXPRESSION = (
    "(lambda *shown: any(type(value).__module__.partition('.')[0] == 'pandas' for value in shown)"
    f" and eval({_FIND.strip()!r})(*shown))(_oh.get(len(_ih) - 1)NAMES)"
)


def _asks(source: str) -> Mapping[str, str]:
    names = [*dict.fromkeys(_SHOWN.findall(source[:20_000]))][:_MOST]
    if not names and not _shows_last(source):
        return {}
    return {ASKED: _EXPRESSION.replace("NAMES", "".join(f", {name}" for name in names))}


def _shows_last(source: str) -> bool:
    """Whether the last line may be an expression whose value is shown."""
    line = source.rstrip()[-2_000:].rpartition("\n")[2]
    ends = line.startswith((")", "]", "}"))  # of an expression over several lines
    return (re.search("[A-Za-z_]", line) is not None or ends) and not (
        line.endswith(";") or (not ends and _STATEMENT.match(line) is not None)
    )


def _says(run: Run) -> Iterator[str]:
    try:
        said = ast.literal_eval(run.asked.get(ASKED, "''"))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return
    if isinstance(said, str) and (words := " ".join(strip(said[:_MAX_WORDS]).split("\n"))):
        yield f"white space at the ends of values, which pandas does not show: {words}"


ADVISER = Adviser(says=_says, asks=_asks)
