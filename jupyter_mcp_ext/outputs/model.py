"""Outputs of code as a notebook stores them: streams, displays and errors.

The names and shapes are nbformat's (https://nbformat.readthedocs.io/en/latest/format_description.html#code-cell-outputs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from jupyter_mcp_ext.outputs.rope import Rope

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A value that JSON can hold."""

MimeBundle: TypeAlias = Mapping[str, Json]
"""One thing in several representations, by MIME type; binary ones are base64 text."""


SHOWN = frozenset({"stream", "display_data", "execute_result", "error", "clear_output"})
"""The messages that change what is shown of the code that they come from."""


class Stream:
    """Text written to standard output or standard error, consecutive writes merged.

    ``rope`` is for reading much text without joining it, which ``text`` does.
    """

    __slots__ = ("name", "rope")

    def __init__(self, *, name: Literal["stdout", "stderr"], text: str | Rope) -> None:
        self.name = name
        self.rope = text if isinstance(text, Rope) else Rope((text,))

    @property
    def text(self) -> str:
        return str(self.rope)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stream):
            return NotImplemented
        return (self.name, self.text) == (other.name, other.text)

    def __hash__(self) -> int:
        return hash((self.name, self.text))

    def __repr__(self) -> str:
        return f"Stream(name={self.name!r}, text={self.text!r})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Display:
    """A display, or with ``is_result`` the value of the cell's last expression."""

    data: MimeBundle
    metadata: Mapping[str, Json] = field(default_factory=dict)
    is_result: bool = False
    execution_count: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Error:
    """What the code raised; ``traceback`` holds terminal colours as the kernel sent them."""

    ename: str
    evalue: str
    traceback: tuple[str, ...] = ()


Output: TypeAlias = Stream | Display | Error


def from_nbformat(node: Mapping[str, Json]) -> Output | None:
    """The output that an nbformat node describes; None for a type that nbformat does not know."""
    match node.get("output_type"):
        case "stream":
            name: Literal["stdout", "stderr"] = (
                "stderr" if node.get("name") == "stderr" else "stdout"
            )
            return Stream(name=name, text=_joined(node.get("text")))
        case "display_data" | "execute_result" as kind:
            data = node.get("data")
            metadata = node.get("metadata")
            count = node.get("execution_count")
            return Display(
                data={k: _text(k, v) for k, v in data.items()} if isinstance(data, dict) else {},
                metadata=metadata if isinstance(metadata, dict) else {},
                is_result=kind == "execute_result",
                execution_count=count if isinstance(count, int) else None,
            )
        case "error":
            lines = node.get("traceback")
            return Error(
                ename=plain_name(str(node.get("ename", ""))),
                evalue=str(node.get("evalue", "")),
                traceback=tuple(map(str, lines.split("\n") if isinstance(lines, str) else lines))
                if isinstance(lines, str | list)
                else (),
            )
        case _:
            return None


def plain_name(ename: str) -> str:
    """The exception's name, also if a kernel gives its class (as xeus-python does)."""
    return ename.removeprefix("<class '").removesuffix("'>") if ename.startswith("<") else ename


def to_nbformat(output: Output) -> dict[str, Json]:
    """The nbformat node for an output."""
    match output:
        case Stream():
            return {"output_type": "stream", "name": output.name, "text": output.text}
        case Display(is_result=True):
            return {
                "output_type": "execute_result",
                "data": dict(output.data),
                "metadata": dict(output.metadata),
                "execution_count": output.execution_count,
            }
        case Display():
            return {
                "output_type": "display_data",
                "data": dict(output.data),
                "metadata": dict(output.metadata),
            }
        case Error():
            return {
                "output_type": "error",
                "ename": output.ename,
                "evalue": output.evalue,
                "traceback": list(output.traceback),
            }


def _joined(value: Json) -> str:
    """Text that nbformat may keep as a list of lines (its "multiline string")."""
    return "".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _text(mime_type: str, value: Json) -> Json:
    is_json = mime_type == "application/json" or mime_type.endswith("+json")
    return value if is_json or not isinstance(value, list) else _joined(value)
