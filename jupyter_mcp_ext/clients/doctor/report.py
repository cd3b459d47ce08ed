"""What the checks have found, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from jupyter_mcp_ext.clients.printable import printable

from .case import Case
from .finding import Line, worst

VERSION = 1
"""Of the shape for programs; it changes if a member goes or comes to mean something else."""

LEVELS = {"ok": "ok", "warning": "to know of", "fault": "to repair"}

_INDENT = " " * 20


def shown(line: Line) -> str:
    """A line for people, and below it what to do."""
    finding = line.finding
    text = f"{finding.level:<8} {line.check:<11} {finding.what}\n"
    return text + (f"{_INDENT} -> {finding.do}\n" if finding.do else "")


def summary(lines: Sequence[Line], skipped: Sequence[str]) -> str:
    """The last line for people."""
    counts = {level: sum(line.finding.level == level for line in lines) for level in LEVELS}
    parts = [f"{counts[level]} {words}" for level, words in LEVELS.items() if counts[level]]
    text = ", ".join(parts) + "."
    if skipped:
        why = ", since the above comes first" if counts["fault"] else ""
        text += f" Not looked at{why}: {', '.join(skipped)}."
    return text + "\n"


def as_json(case: Case | None, lines: Sequence[Line], skipped: Sequence[str]) -> str:
    """Everything for programs; without a case where no server could be chosen."""
    whole = {
        "version": VERSION,
        "server": printable(case.server.url, case.secrets) if case else "",
        "endpoint": printable(case.wire.endpoint, case.secrets) if case else "",
        "level": worst(lines),
        "findings": [
            {
                "check": line.check,
                "level": line.finding.level,
                "what": line.finding.what,
                "do": line.finding.do,
            }
            for line in lines
        ],
        "not_looked_at": list(skipped),
    }
    return json.dumps(whole, indent=2) + "\n"
