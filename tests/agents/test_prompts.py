"""A prompt as a command of a real program: what a person types, and what reaches the model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .client import Client, Place, Start
from .playing import Stage
from .playing import played as play
from .programs import PROGRAMS
from .scenario import SUM, run

CLIENTS = tuple(client for client in PROGRAMS if client.name in ("Claude Code", "Gemini CLI"))
TYPED = {
    # A word for each argument, and no quotes: those that follow are lost.
    "Claude Code": "/mcp__jupyter__analyse_file data/sales.csv Outliers?",
    "Gemini CLI": '/analyse_file --path="data/sales.csv" --question="Outliers?"',
}
pytestmark = pytest.mark.timeout(600)  # installs them at the first run


def test_a_prompt_is_a_command_with_arguments_whose_text_the_model_gets(
    client: Client, on: Stage
) -> None:
    def start(place: Place) -> Start:
        usual = client.start(place)
        given = usual.command.index("-p") + 1
        typed = [*usual.command[:given], TYPED[client.name], *usual.command[given + 1 :]]
        return replace(usual, command=typed)

    place, conversation = on.place(client, [run("sum", SUM)])
    done = play(replace(client, start=start), place, conversation)

    assert conversation.is_over.is_set(), done.said
    shown = conversation.first.replace("\\", "")  # Gemini CLI gives the text as JSON
    assert 'Analyse the file "data/sales.csv" of this Jupyter server. Outliers?' in shown
    assert 'read_file("data/sales.csv", limit=30)' in shown
