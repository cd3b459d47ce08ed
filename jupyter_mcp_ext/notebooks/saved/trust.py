"""Whether a person trusts a notebook's outputs: the signature that Jupyter keeps of it.

It is the one that ``NotebookNotary.compute_signature`` gives, made in a third of the time.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from nbformat import NotebookNode

from .text import slices


class Trust:
    """The notary of a ContentsManager. To be made in the thread of its event loop."""

    def __init__(self, notary: Any) -> None:
        self._notary = notary
        self._store = notary.store  # a database, to be used in the thread that has opened it
        self._secret, self._digestmod = notary.secret, notary.digestmod

    def signature(self, node: Mapping[str, Any]) -> str:
        """Its signature; empty where Jupyter has none, which does not sign half a surrogate pair.

        Takes long for a large notebook.
        """
        signed = {**node, "metadata": {**node["metadata"]}}
        signed["metadata"].pop("signature", None)
        digest = hmac.new(self._secret, digestmod=self._digestmod)
        parts: list[str] = []
        _gather(signed, parts.append)
        try:
            for piece in slices("".join(parts)):
                digest.update(piece.encode())
        except UnicodeEncodeError:
            return ""
        return digest.hexdigest()

    def mark(self, node: Mapping[str, Any], signature: str) -> None:
        """Mark the cells with whether a person trusts what has this signature."""
        is_known = bool(signature) and self._store.check_signature(
            signature, self._notary.algorithm
        )
        self._notary.mark_cells(_view(node), is_known)

    def take_marks(self, node: Mapping[str, Any]) -> bool:
        """Take the marks away: whether all is trusted still."""
        try:
            return bool(self._notary.check_cells(_view(node)))
        except KeyError:  # an output without a type
            return False

    def keep(self, signature: str) -> None:
        """Keep the signature of what was saved."""
        if signature:
            self._store.store_signature(signature, self._notary.algorithm)


def _view(node: Mapping[str, Any]) -> Any:
    """The notebook for the notary, which wants attributes of its outermost object."""
    return NotebookNode(nbformat=node["nbformat"], cells=node["cells"])  # type: ignore[no-untyped-call]


def _gather(value: Any, add: Callable[[str], None]) -> None:
    """Give the text of every value, in the order of the notary."""
    if isinstance(value, str):
        add(value)
    elif isinstance(value, dict):
        for key in sorted(value):
            add(key)
            _gather(value[key], add)
    elif isinstance(value, list | tuple):
        for item in value:
            _gather(item, add)
    else:
        add(str(value))
