"""What the checks have found, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from .case import Case
from .finding import Line, worst

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
        text += f" Not looked at, since the above comes first: {', '.join(skipped)}."
    return text + "\n"


LEVELS = {"ok": "ok", "warning": "to know of", "fault": "to repair"}


def as_json(case: Case, lines: Sequence[Line], skipped: Sequence[str]) -> str:
    """Everything for programs."""
    whole = {
        "server": case.server.url,
        "endpoint": case.wire.endpoint,
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
