"""Prompts, which clients show to people as commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mcp_types as types
from mcp.shared.exceptions import MCPError

from jupyter_mcp_ext.errors import did_you_mean, shown
from jupyter_mcp_ext.outputs.characters import argument as quoted

if TYPE_CHECKING:
    from .tasks import Context

MAX_ARGUMENT = 10_000
"""Characters of an argument."""


def _analyse_file(path: str, question: str) -> str:
    path = quoted(path)
    return f"""\
Analyse the file {path} of this Jupyter server.{_wish(question)}

- read_file({path}, limit=30) shows how it begins.
- Load it with execute_code, whose first result names the folder from which paths in code are \
taken; the path above is relative to Jupyter's root.
- Look at its size, types, missing and odd values before you conclude. get_variables() and \
inspect_variable show what is loaded.
- Plot what helps. Print less rather than page more.
- Do not change the file. Say what you have found, with numbers, and what is uncertain."""


def _continue_notebook(path: str, goal: str) -> str:
    path = quoted(path)
    return f"""\
Go on with the notebook {path} of this Jupyter server.{_wish(goal)}

- read_notebook({path}, view="outputs") shows its cells with handles, run states and results. A \
person may have it open: leave their cells as they are unless you are asked to change them.
- Say in one sentence what it does so far, and what comes next.
- Add cells with insert_cells({path}, cells=[...], run=true): by default at the end, else after a \
handle. edit_cell changes a cell by its handle.
- If variables are missing, run_cells({path}) runs the cells again. Ask first if that takes long \
or changes something outside of the notebook.
- At the end, say what you have added. undo_edit({path}) takes back your last edit."""


def _wish(words: str) -> str:
    return f" {words.strip()}" if words.strip() else ""


@dataclass(frozen=True, kw_only=True)
class _Prompt:
    """A prompt whose first argument, a path, must be given, and whose second one need not."""

    listed: types.Prompt
    build: Callable[[str, str], str]

    def text(self, given: Mapping[str, str]) -> str:
        """What the model is told. Raises MCPError for arguments that are missing or unknown."""
        known = [argument.name for argument in self.listed.arguments or ()]
        words = self._wrong(given, known)
        if words:
            message = f"{words} Its arguments are: {', '.join(known)}."
            raise MCPError(code=types.INVALID_PARAMS, message=message)
        return self.build(given[known[0]].strip(), given.get(known[1], ""))

    def _wrong(self, given: Mapping[str, str], known: Sequence[str]) -> str:
        name = self.listed.name
        if unknown := next((argument for argument in given if argument not in known), ""):
            return f"{name} has no argument {shown(unknown)}."
        if not given.get(known[0], "").strip():
            return f"{name} needs the argument {known[0]!r}."
        if any(len(value) > MAX_ARGUMENT for value in given.values()):
            return f"An argument of {name} is over {MAX_ARGUMENT} characters. Shorten it."
        return ""


PROMPTS: Mapping[str, _Prompt] = {
    "analyse_file": _Prompt(
        listed=types.Prompt(
            name="analyse_file",
            title="Analyse a file",
            description="Look at a file on the Jupyter server, load it and say what is in it.",
            arguments=[
                types.PromptArgument(
                    name="path", description="The file, relative to Jupyter's root.", required=True
                ),
                types.PromptArgument(name="question", description="What you want to know."),
            ],
        ),
        build=_analyse_file,
    ),
    "continue_notebook": _Prompt(
        listed=types.Prompt(
            name="continue_notebook",
            title="Go on with a notebook",
            description="Read a notebook, add cells to it and run them.",
            arguments=[
                types.PromptArgument(
                    name="path",
                    description="The notebook, relative to Jupyter's root.",
                    required=True,
                ),
                types.PromptArgument(name="goal", description="What comes next."),
            ],
        ),
        build=_continue_notebook,
    ),
}


def known_prompt(name: str) -> _Prompt:
    """The prompt of a name. Raises MCPError."""
    if name not in PROMPTS:
        near = did_you_mean(name, PROMPTS)
        message = f"There is no prompt {shown(name)}.{near} There are: {', '.join(PROMPTS)}."
        raise MCPError(code=types.INVALID_PARAMS, message=message)
    return PROMPTS[name]


async def list_prompts(
    ctx: Context, params: types.PaginatedRequestParams | None
) -> types.ListPromptsResult:
    """Answer ``prompts/list``."""
    return types.ListPromptsResult(prompts=[prompt.listed for prompt in PROMPTS.values()])


async def get_prompt(ctx: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
    """Answer ``prompts/get``."""
    prompt = known_prompt(params.name)
    text = types.TextContent(type="text", text=prompt.text(params.arguments or {}))
    return types.GetPromptResult(
        description=prompt.listed.description,
        messages=[types.PromptMessage(role="user", content=text)],
    )
