"""An Unpickler that adds keys to dictionaries and sets when they are complete."""

from __future__ import annotations

import pickle
from typing import Any

from .keys import ATOMIC, any_reaches, may_change, reaches
from .sets import add_member, fill_set

SAVING = "jupyter_mcp_ext_saving"
"""The module name that `forking` gives the saving code, whose functions are found here."""

STORING = "fill_"
"""Prefix of the names of our functions that store their arguments unchanged."""

CHANGED = "it has a key whose hash changes when what the key leads to is whole"

COPIED_EARLY = "it is made of a container that has it as a key"


class Finding:
    """Finds in the session only what the definitions have just put there."""

    def __init__(self, file: Any, defined: set[str]) -> None:
        super().__init__(file)  # type: ignore[call-arg]
        self._defined = defined
        self._known: dict[int, Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module in (__name__, SAVING):
            return globals()[name]
        if module == "__main__" and name.partition(".")[0] not in self._defined:
            msg = f"{name} is not defined any more"
            raise pickle.UnpicklingError(msg)
        return super().find_class(module, name)  # type: ignore[misc]


def is_of_a_key(err: BaseException) -> bool:
    """Whether a key could not be hashed or compared: it may not have its attributes yet."""
    trace = err.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name in ("__hash__", "__eq__"):
            return True
        trace = trace.tb_next
    return False


_PurePython: Any = pickle._Unpickler


class PatientUnpickler(Finding, _PurePython):  # type: ignore[misc]
    """Fills a container at the end if a key refers to an object that is incomplete before.

    Objects made from such a container before the end see the keys as they are then. It is an error
    if their hashes have changed at the end.
    """

    dispatch: Any = dict(_PurePython.dispatch)  # noqa: RUF012  # as the base has it

    def load(self) -> Any:
        self._later: dict[int, tuple[Any, list[Any]]] = {}
        self._hashes: list[tuple[Any, int]] = []
        self._states: list[tuple[Any, Any]] = []
        loaded = super().load()
        for number in list(self._later):
            self._fill(number)
        if any(hash(key) != known for key, known in self._hashes):
            raise pickle.UnpicklingError(CHANGED)
        for obj, holder in self._states:
            if not reaches(obj, {id(holder)}):
                raise pickle.UnpicklingError(COPIED_EARLY)
        return loaded

    def _put(self, holder: Any, put: Any, items: list[Any]) -> None:
        """Add items, whose first parts are keys, to a container now or later."""
        if id(holder) not in self._later:
            done = 0
            try:
                if self._are_whole([item[0] for item in items], holder):
                    for item in items:
                        put(holder, *item)
                        done += 1
                    return
            except Exception as err:  # code of users
                if not is_of_a_key(err):
                    raise
            items = items[done:]
            self._later[id(holder)] = (holder, [])
        self._later[id(holder)][1].extend((put, item) for item in items)

    def _fill(self, number: int) -> None:
        """Add the postponed items of a container."""
        holder, items = self._later.pop(number)
        for put, item in items:
            self._hashes.append((item[0], hash(item[0])))
            put(holder, *item)

    def _fill_within(self, given: Any) -> None:
        """Fill the containers that an object is made from."""
        if self._later and reaches(given, self._later):
            for number in [one for one in self._later if reaches(given, {one})]:
                self._fill(number)

    def _are_whole(self, keys: list[Any], holder: Any) -> bool:
        """Whether no key refers to an incomplete object."""
        doubtful = [key for key in keys if may_change(key)]
        if not doubtful:
            return True
        frames = (*self.metastack, self.stack)
        unfinished = {id(one) for frame in frames for one in frame} - {id(holder)}
        return not any_reaches(doubtful, unfinished)

    def _note(self, made: Any) -> None:
        """Remember the hashes of possibly incomplete keys of containers made at once."""
        if isinstance(made, (frozenset, set, dict)) and made:
            doubtful = [key for key in made if may_change(key)]
            self._hashes += [(key, hash(key)) for key in doubtful]

    def _load_setitem(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        self._put(self.stack[-1], set_item, [(key, value)])

    def _load_setitems(self) -> None:
        items = self.pop_mark()
        holder, keys = self.stack[-1], items[::2]
        if type(holder) is dict and id(holder) not in self._later and _are_atomic(keys):
            holder.update(zip(keys, items[1::2]))
        else:
            self._put(holder, set_item, list(zip(keys, items[1::2])))

    def _load_additems(self) -> None:
        items = self.pop_mark()
        self._put(self.stack[-1], add_member, [(item,) for item in items])

    def _load_frozenset(self) -> None:
        made = frozenset(self.pop_mark())
        self._note(made)
        self.append(made)

    def _load_reduce(self) -> None:
        given = self.stack.pop()
        function = self.stack[-1]
        if function is fill_set:
            holder, (members, state) = given
            fill_set(holder, ((), state))
            self._put(holder, add_member, [(one,) for one in members])
            return
        if not getattr(function, "__name__", "").startswith(STORING):
            self._fill_within(given)
        self.stack[-1] = function(*given)
        self._note(self.stack[-1])

    def _load_newobj(self) -> None:
        self._fill_within(self.stack[-1])
        _PurePython.load_newobj(self)

    def _load_build(self) -> None:
        obj, state = self.stack[-2:]
        if self._later and hasattr(type(obj), "__setstate__"):
            holders = [holder for holder, _ in self._later.values()]
            self._states += [(obj, one) for one in holders if reaches(state, {id(one)})]
        _PurePython.load_build(self)

    dispatch[pickle.SETITEM[0]] = _load_setitem
    dispatch[pickle.SETITEMS[0]] = _load_setitems
    dispatch[pickle.ADDITEMS[0]] = _load_additems
    dispatch[pickle.FROZENSET[0]] = _load_frozenset
    dispatch[pickle.REDUCE[0]] = _load_reduce
    dispatch[pickle.NEWOBJ[0]] = _load_newobj
    dispatch[pickle.BUILD[0]] = _load_build


def _are_atomic(keys: list[Any]) -> bool:
    """Whether keys have hashes of their own, as names of attributes do."""
    return ATOMIC.issuperset(map(type, keys))


def set_item(holder: Any, key: Any, value: Any) -> None:
    """Put an item into a dictionary."""
    holder[key] = value
