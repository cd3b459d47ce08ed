"""The expressions in requests to Python kernels. They leave no name in the session."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from . import texts

RUNNER = repr(texts.running())

CALL = """(lambda builtins:
    (lambda space: (
        builtins.exec(builtins.compile({runner}, '<jupyter_mcp_ext>', 'exec', 0, True), space),
        space['run']({source}, {function}, {arguments}, {header}),
        space.clear(),
    )[1])({{'__builtins__': builtins, '__name__': 'jupyter_mcp_ext_runner'}})
)((lambda known:
    (known['__import__'] if known.__class__ is {{}}.__class__ else known.__import__)('builtins')
)(().__reduce_ex__(2)[0].__globals__['__builtins__']))"""
"""It reads no name of the session, not even ``__import__``, which is the user's to overwrite: the
builtins are those of ``copyreg``, whose function is what a tuple reduces to."""

# It imports nothing and uses no name that the code may have redefined. rcParams["backend"] would
# choose and load a backend where none is set; _get does not, and get_backend(auto_select=False) is
# new in 3.10 (https://github.com/matplotlib/matplotlib/pull/29039).
FIGURES = (
    "(lambda m: f\"{m['matplotlib'].rcParams._get('backend')} "
    "{m['matplotlib._pylab_helpers'].Gcf.figs.__len__()}\")(__import__('sys').modules)"
)
"""Matplotlib's backend and the number of its figures; it raises KeyError where there are none."""

EXIT_CODE = "_exit_code"
"""IPython's name for the exit code of the latest shell command."""

# The text is compiled only if something of pandas is shown: that takes longer than running it.
WHITESPACE = (
    "(lambda *out: any(type(v).__module__[:6] == 'pandas' for v in out)"
    f" and (exec({texts.whitespace()!r}, s := {{}}), s['whitespace'](*out))[1])"
    "(_oh.get(len(_ih)-1)NAMES)"
)


def call(
    source: str, function: str, arguments: Mapping[str, Any], header: Mapping[str, Any] | None
) -> str:
    """Call a function of a text.

    What threads print then belongs to the request with this ``header``, and not to this one.
    """
    return CALL.format(
        runner=RUNNER,
        source=repr(source),
        function=repr(function),
        arguments=repr(json.dumps(arguments)),
        header=repr(json.dumps(header)),
    )


def beside() -> str:
    """The code of a request in a subshell.

    It is a coroutine: anything else runs with a copy of standard output, which must end before
    others.
    """
    return f"{call(texts.holding(), 'hold', {}, None)} if True else (await None)"


def whitespace(names: Iterable[str]) -> str:
    """White space in the value that the code has shown last, and in those of these names."""
    return WHITESPACE.replace("NAMES", "".join(f", {name}" for name in names))
