"""Several pieces of code that one execution runs, such as the cells of a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

    from jupyter_mcp_ext.kernels.links.exchange import Content, Exchange
    from jupyter_mcp_ext.kernels.losses import KernelLost


class Part(Protocol):
    """One of several pieces of code of an execution."""

    code: str
    cell_id: str
    """The id of the cell whose source it is."""
    heading: str
    """A line above its outputs, until it is shown; may be empty."""

    def record(self) -> asyncio.Future[None] | None:
        """The code is about to be sent, once what is returned is done."""

    def sent(self, exchange: Exchange) -> None:
        """The kernel was given the code, possibly not for the first time."""

    def begin(self) -> None:
        """The kernel has begun with it."""

    def take(self, msg_type: str, content: object, *, is_captured: bool) -> None:
        """A message of its outputs came, which an Output widget may have captured."""

    def end(self, exchange: Exchange, reply: Content, *, is_stopped: bool) -> None:
        """The kernel has replied; with ``is_stopped`` it was interrupted."""


class Parts(Protocol):
    """Several pieces of code, which an execution runs while it has the kernel's turn."""

    has_failed: bool
    """Whether one that has ended raised what it must not."""
    goes_on: bool
    """Whether the next is run although one has failed."""

    async def next(self) -> Part | None:
        """The next one, its code as it is now; None at the end. Raises ToolError."""

    async def close(self, lost: KernelLost | None = None) -> None:
        """No more is run, possibly since the kernel was lost: write down what is not written yet.

        Closing it again does nothing.
        """
