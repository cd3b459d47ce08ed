"""How long finished executions are kept: until they are too many, too large or too old."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator

from .execution import Execution


class Retention:
    """The finished executions that are kept, oldest first."""

    def __init__(self, *, max_number: int, max_bytes: int, max_age: float) -> None:
        """``max_bytes`` limits the outputs of all together. 0: no limit."""
        self._max_number = max_number
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._kept: OrderedDict[str, tuple[Execution, int]] = OrderedDict()
        """By id, with the bytes of output at the end."""
        self._bytes = 0

    def __contains__(self, execution: Execution) -> bool:
        return execution.id in self._kept

    def add(self, execution: Execution) -> None:
        """Keep an execution that has ended."""
        self._kept[execution.id] = execution, execution.fold.bytes
        self._bytes += execution.fold.bytes

    def remove(self, execution: Execution) -> None:
        """Keep an execution no longer."""
        _, size = self._kept.pop(execution.id)
        self._bytes -= size

    def excess(self) -> Iterator[Execution]:
        """The oldest execution, as long as it has to be removed."""
        while self._kept:
            oldest, _ = next(iter(self._kept.values()))
            if not (self._is_full() or self.is_too_old(oldest)):
                return
            yield oldest

    def is_too_old(self, execution: Execution) -> bool:
        """Whether a finished execution has to be removed because of its age."""
        return execution.ended is not None and 0 < self._max_age < time.time() - execution.ended

    def _is_full(self) -> bool:
        is_too_large = self._bytes > self._max_bytes > 0 and len(self._kept) > 1
        return is_too_large or len(self._kept) > self._max_number > 0
