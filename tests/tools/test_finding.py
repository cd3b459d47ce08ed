"""The tools that a word search over names and descriptions finds first.

Clients that defer tools show a model their names at most; it then searches for what it wants to do.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import pytest

from jupyter_mcp_ext.protocol.server import listed
from jupyter_mcp_ext.tools.definition import Tool
from jupyter_mcp_ext.tools.registry import TOOLS

Words: TypeAlias = Callable[[str], list[str]]

STOP_WORDS = frozenset(
    ["a", "an", "and", "are", "for", "in", "is", "of", "on", "or", "the", "there", "to", "what"]
)

WANTED = {
    "run python code": "execute_code",
    "execute python": "execute_code",
    "analyze dataframe": "execute_code",
    "analyze a pandas dataframe": "execute_code",
    "plot a chart": "execute_code",
    "data analysis": "execute_code",
    "shell command": "execute_code",
    "run a shell command": "execute_code",
    "train a model": "execute_code",
    "wait for an execution": "get_output",
    "read the output again": "get_output",
    "jupyter notebook": "read_notebook",
    "read notebook cells": "read_notebook",
    "create a new notebook": "create_notebook",
    "install a package": "install_package",
    "pip install": "install_package",
    "read a csv": "read_file",
    "read a file": "read_file",
    "write a file": "write_file",
    "edit a file": "edit_file",
    "list files in a folder": "list_files",
    "search files": "search_files",
    "grep files": "search_files",
    "search notebooks for text": "search_files",
    "download a file": "download_file",
    "what variables are there": "get_variables",
    "list variables": "get_variables",
    "inspect a variable": "inspect_variable",
    "stop the running cell": "interrupt_kernel",
    "interrupt the kernel": "interrupt_kernel",
    "restart the kernel": "restart_kernel",
    "named session": "create_session",
    "which kernels can be started": "list_sessions",
    "kernel memory": "get_kernel_status",
}
"""Queries of models, and the tool that each should find."""


def plain(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def without_stop_words(text: str) -> list[str]:
    return [word for word in plain(text) if word not in STOP_WORDS]


def singular(text: str) -> list[str]:
    """Minimal stemming: plurals match their singular."""
    return [re.sub(r"(?<=[a-z]{3})s$", "", word) for word in without_stop_words(text)]


def description(tool: Tool) -> str:
    return f"{tool.name} {tool.description}"


def description_and_arguments(tool: Tool) -> str:
    """The text of clients that also index the schema."""
    schema: Mapping[str, Any] = listed(tool).input_schema["properties"]
    said = (f"{name} {argument.get('description', '')}" for name, argument in schema.items())
    return " ".join([description(tool), *said])


def ranked(query: str, document: Callable[[Tool], str], words: Words) -> Sequence[str]:
    """The tools by Okapi BM25 (k1 = 1.2, b = 0.75), the best first."""
    texts = {tool.name: Counter(words(document(tool))) for tool in TOOLS}
    mean = sum(text.total() for text in texts.values()) / len(texts)

    def score(name: str) -> float:
        text = texts[name]
        total = 0.0
        for word in set(words(query)):
            having = sum(word in other for other in texts.values())
            rarity = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
            count = text[word]
            total += rarity * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * text.total() / mean))
        return total

    return sorted(texts, key=score, reverse=True)


@pytest.mark.parametrize("words", [plain, without_stop_words, singular])
@pytest.mark.parametrize("document", [description, description_and_arguments])
@pytest.mark.parametrize("query", WANTED)
def test_a_word_search_finds_the_right_tool_first(
    query: str, document: Callable[[Tool], str], words: Words
) -> None:
    assert ranked(query, document, words)[0] == WANTED[query]
