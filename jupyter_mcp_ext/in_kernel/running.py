"""Runs a function of a text and answers with its value as JSON.

Exceptions are caught here: IPython would format them, with its formatters and its history of
tracebacks.
"""

from __future__ import annotations

import json
import sys
from typing import Any


class Answer:
    """A text that is shown as it is.

    A string would be shown as a Python literal, which takes long to read, and by the formatters of
    the session.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": self.text}


def give_back(header: Any) -> None:
    """Let what threads print belong to the request with this header, not to this one.

    ipykernel has no public call for it: https://github.com/ipython/ipykernel/issues/1289
    """
    shell = sys.modules["IPython"].get_ipython()
    parent = {"header": header, "parent_header": {}, "metadata": {}, "content": {}}
    parent.update(msg_id=header["msg_id"], msg_type=header["msg_type"])
    for part in (shell.display_pub, shell.displayhook, sys.stdout, sys.stderr):
        if hasattr(part, "_parent_header_global"):
            part._parent_header_global = header
    if hasattr(shell, "_parent_header_global"):
        shell._parent_header_global = parent
    if hasattr(shell.kernel, "_shell_context"):
        shell.kernel._shell_context.run(shell.kernel._shell_parent.set, parent)


def run(source: str, function: str, arguments: str, header: str) -> Answer:
    """The value of a function of ``source``; ``arguments`` and ``header`` are JSON.

    ``header`` is that of the latest request before this one, or ``null``.
    """
    space: dict[str, Any] = {"__name__": "jupyter_mcp_ext_in_kernel"}
    try:
        if header != "null":
            give_back(json.loads(header))
        exec(compile(source, "<jupyter_mcp_ext>", "exec", dont_inherit=True), space)
        return Answer(json.dumps({"value": space[function](**json.loads(arguments))}))
    except BaseException as err:  # noqa: BLE001  # the server says what was raised
        try:
            words = str(err)
        except BaseException:  # noqa: BLE001  # code of users
            words = ""
        return Answer(json.dumps({"raised": [type(err).__name__, words]}))
    finally:
        space.clear()
