"""What an execution leaves for the later ones of its kernel: widgets, and text not yet sent."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_mcp_ext.advice.unsent import Unsent
from jupyter_mcp_ext.outputs.folding.widgets import Widgets

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.kernel import Kernel

MAX_KERNELS = 32
"""Kernels whose carryover is kept, the latest used."""


@dataclass(frozen=True)
class Carryover:
    """What one kernel's executions share."""

    widgets: Widgets = field(default_factory=Widgets)
    unsent: Unsent = field(default_factory=Unsent)


class Carryovers:
    """The carryover of each kernel, the latest used last."""

    def __init__(self) -> None:
        self._known: OrderedDict[Kernel, Carryover] = OrderedDict()

    def of(self, kernel: Kernel) -> Carryover:
        """What the executions of a kernel share."""
        found = self._known.setdefault(kernel, Carryover())
        self._known.move_to_end(kernel)
        if len(self._known) > MAX_KERNELS:
            self._known.popitem(last=False)
        return found
