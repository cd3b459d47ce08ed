"""A connection to a kernel as the rest of the package sees it, over any transport.

`KernelLink` is what a transport provides; ``transports.py`` chooses the one for a kernel. Each has
to pass ``tests/kernels/links/test_link_contract.py``. Messages and channels are those of the
Jupyter messaging protocol (https://jupyter-client.readthedocs.io/en/stable/messaging.html).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from jupyter_mcp_ext.kernels.kinds import Kind, kind_of
from jupyter_mcp_ext.kernels.losses import Loss

from .exchange import Content, Exchange, OnInput

Channel = Literal["shell", "control"]

SUBSHELLS = "kernel subshells"
"""What a kernel names that has them (https://jupyter.org/enhancement-proposals/91-kernel-subshells)."""


@dataclass(frozen=True, kw_only=True)
class KernelInfo:
    """What a kernel reports about itself (``kernel_info_reply``)."""

    implementation: str
    language: str
    language_version: str
    features: frozenset[str] = frozenset()
    """Its features beyond the protocol's core, such as ``"kernel subshells"``."""
    answers_on_control: bool = False
    """Whether it was heard there; some kernels take nothing there but shutdowns."""

    @property
    def kind(self) -> Kind:
        """The abilities of its implementation."""
        return kind_of(self.implementation, self.language)

    @property
    def has_subshells(self) -> bool:
        """Whether functions of this package can run in it beside its code."""
        return self.kind.runs_functions and SUBSHELLS in self.features


NO_INFO = KernelInfo(implementation="", language="", language_version="")
"""Of a kernel that has not answered yet."""


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """An execution on the kernel that a person or another client has sent.

    ``msg_id`` is empty for one that ran already when the link was opened.
    """

    msg_id: str
    since: float


class Message(Protocol):
    """A message of a kernel on IOPub."""

    msg_type: str
    parent: Content
    """The header of the request that it belongs to."""

    def content(self) -> Content | None:
        """Its content; None if it is too large to be parsed at once."""


class Listener:
    """Receives events of a link; this class ignores them."""

    def hear(self, message: Message) -> None:
        """A message came on IOPub, for any client's request; it is passed on afterwards."""

    def change(self) -> None:
        """`KernelLink.is_busy` may have changed, or the link is lost."""

    def interrupted(self) -> None:
        """Another client has asked the kernel to interrupt its code."""


class KernelLink(Protocol):
    """A standing connection to one running kernel, shared by all that execute on it."""

    kernel_id: str

    @property
    def info(self) -> KernelInfo:
        """What the kernel has reported about itself; `NO_INFO` before that."""

    @property
    def foreign(self) -> Foreign | None:
        """The execution of another client that the kernel runs now, if any."""

    @property
    def latest(self) -> Content | None:
        """The header of the latest code that the kernel began, as far as is known."""

    @property
    def heard(self) -> str:
        """``busy`` or ``idle``, as the kernel last reported for its shell; else empty."""

    @property
    def heard_restart(self) -> bool | None:
        """Whether the kernel announced a restart (True) or a shutdown (False); None if neither."""

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""

    @property
    def is_idle(self) -> bool:
        """Whether no request waits."""

    @property
    def is_busy(self) -> bool:
        """Whether code of any client runs in the kernel or has been sent to it."""

    async def open(self, timeout: float) -> None:
        """Connect, and wait until the kernel answers and its outputs reach this link.

        Raises TimeoutError after ``timeout`` seconds, KernelLost when the kernel ends before.
        """

    def find_running(self) -> None:
        """Note that another client's code ran before the link was opened and has not ended."""

    def execute(
        self,
        code: str,
        *,
        on_message: Callable[[str, Content], object],
        on_begin: Callable[[], None],
        on_dropped: Callable[[int], None],
        on_input: OnInput | None = None,
        can_ask: bool = False,
        expressions: Mapping[str, str] | None = None,
        cell_id: str = "",
    ) -> Exchange:
        """Send code; outputs go to ``on_message``, sizes of those too large to ``on_dropped``.

        Without ``can_ask`` the kernel fails code that asks for input; some (IRkernel) ask all the
        same. The reply has the values that ``expressions`` have after the code. ``cell_id`` is that
        of the notebook's cell that the code is the source of. Raises KernelLost.
        """

    async def call(
        self,
        channel: Channel,
        msg_type: str,
        content: Content,
        *,
        timeout: float,
        subshell_id: str = "",
    ) -> Content:
        """Send a request and return its reply's content. Raises KernelLost and TimeoutError.

        With ``subshell_id`` the kernel answers in that subshell, beside the code that it runs.
        """

    def forget(self, exchange: Exchange) -> None:
        """End an exchange; later output of its threads is still taken for a while."""

    def wake(self) -> None:
        """Wake a kernel that was interrupted, if it needs a message to notice."""

    def lose(self, loss: Loss) -> None:
        """Fail every request that waits with this loss, and close."""
