"""States over HTTP: sessions of a real server, which are lost and come back."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.mcp_client import McpClient, Result
from tests.wheels import write_kernelspec

from . import FOLDER, State
from .oracle import EFFECTS, HIDDEN, Look, Notice, Verdict, compared

LOOK = """
(lambda space: (
    __import__("builtins").exec(open({source!r}).read(), space),
    open({answer!r}, "w").write(__import__("json").dumps(space["look"]({probes!r}))),
))({{"__name__": "look"}});
"""


@dataclass(kw_only=True)
class Work:
    """A session's states, its kernel and the folder it works in."""

    name: str
    states: list[State]
    kernel: str
    before: Look = field(default_factory=dict)
    id: str = ""
    pid: int = 0
    said: list[Notice] = field(default_factory=list)

    @property
    def has_cloudpickle(self) -> bool:
        """Whether its kernel's environment has cloudpickle."""
        return self.kernel == "python3"

    def make(self, client: McpClient) -> None:
        """Create the session."""
        (client.server.root_dir / self.name).mkdir()
        client.call("create_session", name=self.name, kernel_name=self.kernel, cwd=self.name)

    def judge(self, client: McpClient) -> dict[str, Verdict]:
        """Evaluate the states in the restored session."""
        folder = client.server.root_dir / self.name
        done = _effects(folder)
        self.hear(client.run("None", session_id=self.name))
        repeated = _effects(folder) - done
        code = LOOK.format(
            source=str(FOLDER / "in_kernel.py"),
            answer=str(folder / "looked.json"),
            probes={state.name: state.probe for state in self.states},
        )
        result = client.run(code, session_id=self.name)
        assert result.status == "ok", result.text
        self.hear(result)
        self.hear(client.call("get_output", output_id=f"{self.id}/lost", limit=1_000))
        looked = json.loads((folder / "looked.json").read_text())
        after = {name: [(one, value) for one, value in pairs] for name, pairs in looked.items()}
        return compared(self.states, self.before, after, self.said, repeated)

    def hear(self, result: Result) -> None:
        """Keep what a result says about the session."""
        lines = [*result.notices, *result.text.splitlines()]
        parts = (part for line in lines for part in line.split("; "))
        told = (part for part in parts if "run again" not in part and "came back" not in part)
        self.said += [Notice(text=part) for part in told]


def _effects(folder: Path) -> Counter[str]:
    file = folder / EFFECTS
    return Counter(file.read_text().split() if file.exists() else [])


def write_bare_kernel(home: Path) -> None:
    """Write the kernelspec ``bare``, of an environment without cloudpickle."""
    hides = home / "hides"
    hides.mkdir(parents=True)
    (hides / "sitecustomize.py").write_text(HIDDEN)
    write_kernelspec(
        home / ".local/share/jupyter",
        "bare",
        {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "language": "python",
            "env": {"PYTHONPATH": str(hides)},
        },
    )
