"""Looks at a session's variables: text that runs in the kernel."""

from __future__ import annotations

import ast
import re
import sys
import traceback
from typing import Any

ADDRESS = re.compile(r"\b0x[0-9a-f]+")

MAX_SHOWN = 2_000


def look(probes: dict[str, str]) -> dict[str, list[list[str]]]:
    """The values of each probe's expressions: pairs of an expression and its value."""
    shell: Any = sys.modules["IPython"].get_ipython()
    return {name: list(_looked(probe, shell.user_ns)) for name, probe in probes.items()}


def _looked(probe: str, namespace: dict[str, Any]) -> Any:
    for statement in ast.parse(probe).body:
        source = ast.unparse(statement)
        try:
            if isinstance(statement, ast.Expr):
                code: Any = compile(ast.Expression(statement.value), "<probe>", "eval")
                yield [source, _shown(eval(code, namespace))]  # noqa: S307
            else:
                code = compile(ast.Module([statement], []), "<probe>", "exec")
                exec(code, namespace)  # noqa: S102
                yield [source, "done"]
        except BaseException as err:  # noqa: BLE001  # of objects that are lost or changed
            yield [source, "raises " + "".join(traceback.format_exception_only(err)).strip()]


def _shown(value: Any) -> str:
    return f"{type(value).__qualname__} {ADDRESS.sub('0x', repr(value))}"[:MAX_SHOWN]
