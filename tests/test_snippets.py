"""Each fenced block of the pages is used by a test, or its page says why it is not run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_server.serverapp import ServerApp
from jupyterhub.app import JupyterHub
from traitlets import HasTraits
from traitlets.config import Config

from jupyter_mcp_ext.clients.configuring.clients import BY_ID
from tests.settings import owners
from tests.snippets import Block, block_of, blocks, pages

TESTS = Path(__file__).parent
NOT_RUN = re.compile(r"\b[Nn]ot run[:,] \w")
"""How a page says it before a block, with the reason."""
COMMAND = re.compile(r"^(\$ |jupyter |pip |python |curl |docker |c\.\w+\.\w+ = )", re.MULTILINE)
OF_ALL_CLIENTS = {*(f"clients/{client}" for client in BY_ID), "clients/libraries"}
"""Their pages are made alike; tests/clients/configuring goes through all of their blocks."""

ALL = [block for page in pages() for block in blocks(page)]


def used() -> Iterator[tuple[Path, str, str]]:
    """Where tests ask for a block, with the page and the part of its text."""
    for file in TESTS.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        if "block_of(" not in source or file.name in {"snippets.py", "test_snippets.py"}:
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "block_of":
                page, part = (ast.literal_eval(argument) for argument in node.args)
                yield file, page, part


USED = {block_of(page, part) for _, page, part in used()}


def is_configuration(block: Block) -> bool:
    """Whether it is a file of Jupyter's settings, which is loaded here."""
    return block.language == "python" and bool(re.search(r"^c\.", block.text, re.MULTILINE))


def is_example(block: Block) -> bool:
    """Whether it shows what agents read, which is nothing that a person runs."""
    return not block.language and not COMMAND.search(block.text)


def is_known(block: Block) -> bool:
    """Whether a test uses it, or its page says that it is not run."""
    return (
        block in USED
        or block.page in OF_ALL_CLIENTS
        or is_configuration(block)
        or is_example(block)
        or bool(NOT_RUN.search(block.said))
    )


def test_each_block_is_used_by_a_test_or_said_not_to_be_run() -> None:
    silent = [(block.page, block.heading, block.first) for block in ALL if not is_known(block)]

    assert silent == []


def test_a_block_that_no_test_uses_is_found() -> None:
    new = Block(page="recipes", language="bash", text="true\n", heading="TLS", said="")

    assert not is_known(new)


def test_what_is_said_not_to_be_run_is_not_run() -> None:
    said = [block for block in USED if NOT_RUN.search(block.said)]

    assert said == []


CONFIGURATIONS = [block for block in ALL if is_configuration(block) and block not in USED]


@pytest.mark.parametrize(
    "block", CONFIGURATIONS, ids=[f"{block.page}: {block.heading}" for block in CONFIGURATIONS]
)
def test_a_configuration_loads_and_its_settings_take_the_values(
    block: Block, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PROMETHEUS_TOKEN", "a-token")
    monkeypatch.chdir(tmp_path)
    known = {owner.__name__: owner for owner in (*owners(), ServerApp, JupyterHub)}
    config = Config()

    exec(compile(block.text, block.page, "exec"), {"c": config})  # noqa: S102  # as Jupyter does

    for owner, name, value in values(config):
        if owner in known:
            assert accepts(known[owner], name, value), f"{owner}.{name}"


def values(config: Config) -> Iterator[tuple[str, str, object]]:
    """What a configuration sets; ``…`` stands for what the reader has to choose."""
    for owner, members in config.items():
        for name, value in members.items():
            if value != "…":
                yield owner, name, value


def accepts(owner: type[HasTraits], name: str, value: object) -> bool:
    """Whether a setting takes a value. Raises TraitError."""
    trait = owner.class_traits(config=True)[name]
    if hasattr(value, "get_value"):  # appended to, as lists are
        value = value.get_value([])
    trait._validate(owner.__new__(owner), value)
    return True
