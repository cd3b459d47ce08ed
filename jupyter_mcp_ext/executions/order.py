"""What is to be executed, where and for whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.kernel import Kernel


@dataclass(frozen=True, kw_only=True)
class Destination:
    """The session in which something is executed."""

    session_id: str
    kernel_name: str
    kernel: Kernel | None = None
    """Its kernel, if it runs already."""
    last_number: int = 0
    """The number up to which its executions may have been given numbers."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """Code, or words for other work, with the session that runs it and the client that asked."""

    id: str
    """The id that the execution gets."""
    session_id: str
    kernel_name: str
    kernel: Kernel | None = None
    """None while its kernel does not run, and for other work."""
    code: str
    owner: str
    client: str
    scope: str = ""
    """Which of its client's conversations it belongs to, where they are told apart."""
