"""The types of arguments that several tools share, with what the model reads of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

SessionId = Annotated[
    str | None, Field(description="Session id or name, notebook path or kernel id.")
]
Wait = Annotated[float, Field(ge=0, description="Seconds until [running] is returned.")]
Restore = Literal["snapshot", "replay", "fresh"]
