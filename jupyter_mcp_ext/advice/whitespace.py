"""White space at the ends of values, which pandas strips from the frames that it shows.

Neither its HTML nor its text has it, so the kernel is asked about the first and last rows of what
the code shows, since only those are displayed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from jupyter_mcp_ext.in_kernel import expressions
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


def _asks(source: str) -> Mapping[str, str]:
    names = [*dict.fromkeys(_SHOWN.findall(source[:20_000]))][:_MOST]
    if not names and not _shows_last(source):
        return {}
    return {ASKED: expressions.whitespace(names)}


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
