"""Prompts, which clients show to people as commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mcp_types as types
from mcp.shared.exceptions import MCPError

from jupyter_mcp_ext.errors import did_you_mean, shown

from .prompt_texts import analyse_file, clean_up_notebook, continue_session, explain_notebook

if TYPE_CHECKING:
    from .tasks import Context

MAX_ARGUMENT = 10_000
"""Characters of an argument."""


@dataclass(frozen=True, kw_only=True)
class _Prompt:
    """A prompt whose first argument must be given, and whose second one need not."""

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


def _prompt(
    build: Callable[[str, str], str],
    title: str,
    description: str,
    **arguments: str,
) -> _Prompt:
    """A prompt by the name of the function that builds it; the first argument must be given."""
    listed = [
        types.PromptArgument(name=name, description=words, required=number == 0)
        for number, (name, words) in enumerate(arguments.items())
    ]
    return _Prompt(
        listed=types.Prompt(
            name=build.__name__, title=title, description=description, arguments=listed
        ),
        build=build,
    )


_NOTEBOOK = "The notebook, relative to Jupyter's root."

PROMPTS: Mapping[str, _Prompt] = {
    prompt.listed.name: prompt
    for prompt in (
        _prompt(
            analyse_file,
            "Analyse a file",
            "Look at a file on the Jupyter server, load it and say what is in it.",
            path="The file, relative to Jupyter's root.",
            question="What you want to know.",
        ),
        _prompt(
            continue_session,
            "Go on with a session",
            "Take up the work of a session, or of a notebook with the kernel it is open with.",
            session="A session's id or name, or a notebook relative to Jupyter's root.",
            goal="What comes next.",
        ),
        _prompt(
            explain_notebook,
            "Explain a notebook",
            "Read a notebook and say what it does and how.",
            path=_NOTEBOOK,
            question="What you want to know.",
        ),
        _prompt(
            clean_up_notebook,
            "Clean up a notebook",
            "Put a notebook in order and run it from the top, with the same results.",
            path=_NOTEBOOK,
            wish="What you want to be different.",
        ),
    )
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
