"""The libraries, each used by a small program in an environment of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from .client import Client, Place, Start
from .installing import Package

PROJECT = Path(__file__).parents[2]


def _python(module: str, environment: str = "") -> Callable[[Place], Start]:
    """A program of `scripts`, in an environment of its own or in that of the tests."""

    def start(place: Place) -> Start:
        python = str(place.installation.python(environment)) if environment else sys.executable
        env = {"PYTHONPATH": str(PROJECT), **_addresses(place)}
        return Start(command=[python, "-m", f"tests.agents.scripts.{module}"], env=env)

    return start


def _node(file: str) -> Callable[[Place], Start]:
    def start(place: Place) -> Start:
        return Start(command=["node", str(place.installation.npm / file)], env=_addresses(place))

    return start


def _addresses(place: Place) -> dict[str, str]:
    return {"MODEL": place.model, "SERVER": place.server.url}


def _of_python(name: str, package: str, module: str, environment: str) -> Client:
    installed = Package(name=package, environment=environment)
    return Client(name=name, package=installed, start=_python(module, environment))


LIBRARIES = (
    _of_python("LangChain", "langchain-mcp-adapters", "with_langchain", "langchain"),
    _of_python("OpenAI Agents", "openai-agents", "with_openai_agents", "openai-agents"),
    _of_python("pydantic-ai", "pydantic-ai-slim", "with_pydantic_ai", "pydantic-ai"),
    _of_python("fastmcp", "fastmcp", "with_fastmcp", "fastmcp"),
    Client(
        name="TypeScript SDK 1",
        package=Package(name="@modelcontextprotocol/sdk"),
        start=_node("sdk1.mjs"),
        interrupts=False,
    ),
    Client(
        name="TypeScript SDK 2",
        package=Package(name="@modelcontextprotocol/client"),
        start=_node("sdk2.mjs"),
    ),
    Client(
        name="mcp-remote",
        package=Package(name="mcp-remote"),
        start=_python("with_mcp_remote"),
        interrupts=None,  # it and the program that starts it end at the same time
    ),
)
