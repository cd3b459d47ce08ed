"""How long finished executions are kept: until they are too many, too large or too old."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator

from .execution import Execution


class Retention:
    """The finished executions that are kept, oldest first.

    Where they are too many or too large, those of the user go who has the most: one user's
    executions do not drive out another's.
    """

    def __init__(self, *, max_number: int, max_bytes: int, max_age: float) -> None:
        """``max_bytes`` limits the outputs of all together. 0: no limit."""
        self._max_number = max_number
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._kept: OrderedDict[str, tuple[Execution, int]] = OrderedDict()
        """By id, with the bytes of output at the end."""
        self._own: dict[str, OrderedDict[str, Execution]] = {}
        """By owner and id."""
        self._bytes: Counter[str] = Counter()
        """By owner."""

    def __contains__(self, execution: Execution) -> bool:
        return execution.id in self._kept

    def add(self, execution: Execution) -> None:
        """Keep an execution that has ended."""
        self._kept[execution.id] = execution, execution.fold.bytes
        self._own.setdefault(execution.owner, OrderedDict())[execution.id] = execution
        self._bytes[execution.owner] += execution.fold.bytes

    def add_earlier(self, executions: Iterable[Execution]) -> None:
        """Keep executions that have ended before some of those that are kept."""
        for execution in executions:
            self.add(execution)
        self._kept = OrderedDict(sorted(self._kept.items(), key=lambda kept: _end(kept[1][0])))
        self._own = {
            owner: OrderedDict(sorted(own.items(), key=lambda kept: _end(kept[1])))
            for owner, own in self._own.items()
        }

    def remove(self, execution: Execution) -> None:
        """Keep an execution no longer."""
        _, size = self._kept.pop(execution.id)
        own = self._own[execution.owner]
        del own[execution.id]
        self._bytes[execution.owner] -= size
        if not own:
            del self._own[execution.owner], self._bytes[execution.owner]

    def excess(self) -> Iterator[Execution]:
        """The execution that has to be removed next, as long as there is one."""
        while self._kept:
            oldest, _ = next(iter(self._kept.values()))
            if self.is_too_old(oldest):
                yield oldest
            elif self._is_too_large():
                yield self._oldest_of_most(self._bytes.__getitem__)
            elif len(self._kept) > self._max_number > 0:
                yield self._oldest_of_most(lambda owner: len(self._own[owner]))
            else:
                return

    def is_too_old(self, execution: Execution) -> bool:
        """Whether a finished execution has to be removed because of its age."""
        return execution.ended is not None and 0 < self._max_age < time.time() - execution.ended

    def _is_too_large(self) -> bool:
        return len(self._kept) > 1 and self._bytes.total() > self._max_bytes > 0

    def _oldest_of_most(self, used: Callable[[str], int]) -> Execution:
        """The oldest execution of the owner who uses the most; never the one that ended last."""
        last = next(reversed(self._kept))
        oldest = {owner: next(iter(own.values())) for owner, own in self._own.items()}
        return oldest[max((owner for owner in oldest if oldest[owner].id != last), key=used)]


def _end(execution: Execution) -> float:
    return execution.ended or 0.0
