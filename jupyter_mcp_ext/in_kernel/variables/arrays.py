"""Arrays: shape, statistics, first and last rows, without copying them."""

from __future__ import annotations

from typing import Any

from .libraries import cell, kind
from .numbers import ArrayTally, Budget, pieces_of, sample_of, tallied
from .plain import brief
from .tables import dtype_name, edges, table, titles

SMALL = 500_000
"""Values that are copied if they cannot be read otherwise."""


def numpy_array(value: Any, wide: int, deep: int, budget: Budget) -> dict[str, Any]:
    facts: list[list[str]] = []
    if value.dtype.kind in "iufb" and value.size:
        facts = array_statistics(value, budget)
    elif value.dtype.names:
        facts = [["fields", ", ".join(cell(name, 20) for name in value.dtype.names[:deep])]]
    return {"facts": facts, "sections": array_rows(value, wide), "notes": []}


def array_statistics(value: Any, budget: Budget) -> list[list[str]]:
    size = value.size
    tally = tallied(ArrayTally, size, pieces_of(value), lambda step: sample_of(value, step), budget)
    words = tally.words(size)
    is_bool = value.dtype.kind == "b"
    names = ("mean", "std") if is_bool else ("missing", "infinite", "min", "max", "mean", "std")
    return [[name, words[name]] for name in names if words.get(name)]


def array_rows(value: Any, wide: int) -> list[dict[str, Any]]:
    """The first and the last rows; with more than two dimensions, those of the first plane."""
    title = ""
    while value.ndim > 2 and value.size:
        value = value[0]
        title = " of the first plane"
    if not value.size or not value.ndim:
        return [] if value.ndim else [table("value", ["value"], [[cell(value.item())]])]
    found = []
    parts = edges(value.shape[0])
    for words, part in zip(titles(parts), parts):
        piece = value[part.start : part.stop]
        piece = piece[:, :wide] if value.ndim == 2 else piece
        if piece.dtype.kind in "mM":  # their Python numbers say nothing
            piece = piece.astype("U")
        rows = piece.tolist() if value.ndim == 2 else [[one] for one in piece.tolist()]
        head = [str(n) for n in range(piece.shape[1])] if value.ndim == 2 else ["value"]
        cells = [[str(place), *(cell(one) for one in row)] for place, row in zip(part, rows)]
        found.append(table(words + title, ["", *head], cells))
    return found


def numpy_scalar(value: Any, wide: int, deep: int, budget: Budget) -> dict[str, Any]:
    return {"facts": [["value", cell(value.item(), 200)]], "sections": [], "notes": []}


def data_array(value: Any, wide: int, deep: int, budget: Budget) -> dict[str, Any]:
    facts = [["dims", dims(value)], ["coords", ", ".join(cell(n, 20) for n in value.coords)]]
    # Its public data would load it: https://github.com/pydata/xarray/pull/7356
    data = getattr(value.variable, "_data", None)
    if kind(data) != "numpy.ndarray":
        return {"facts": facts, "sections": [], "notes": ["its values are not loaded"]}
    found = numpy_array(data, wide, deep, budget)
    return {**found, "facts": facts + found["facts"]}


def dims(value: Any) -> str:
    return ", ".join("{}: {:,}".format(*pair) for pair in value.sizes.items())


def dataset(value: Any, wide: int, deep: int, budget: Budget) -> dict[str, Any]:
    facts = [["dims", dims(value)]]
    facts += [[cell(name), brief(one)] for name, one in list(value.attrs.items())[:deep]]
    sections = []
    for title, group in (("coordinates", value.coords), ("variables", value.data_vars)):
        rows = [
            [cell(name), dims(one), dtype_name(one.dtype), f"{one.nbytes:,}"]
            for name, one in list(group.items())[:deep]
        ]
        sections.append(table(title, ["name", "dims", "dtype", "bytes"], rows))
    return {"facts": facts, "sections": sections, "notes": []}


def sparse(value: Any, wide: int, deep: int, budget: Budget) -> dict[str, Any]:
    cells = 1
    for length_of_axis in value.shape:
        cells *= int(length_of_axis)
    share = f" of {cells:,} ({int(value.nnz) / cells:.3g})" if cells else ""
    facts = [["format", cell(value.format)], ["stored", f"{int(value.nnz):,}{share}"]]
    held: Any = getattr(value, "data", None)
    if kind(held) == "numpy.ndarray" and held.dtype.kind in "iufb" and held.size:
        facts += [["stored " + name, words] for name, words in array_statistics(held, budget)]
    return {"facts": facts, "sections": [], "notes": []}


def tensor(value: Any, wide: int, deep: int, budget: Budget) -> dict[str, Any]:
    facts = [["device", str(value.device)], ["requires_grad", str(value.requires_grad)]]
    if str(value.device) != "cpu":
        return {"facts": facts, "sections": [], "notes": ["its values are on a device"]}
    try:
        found = numpy_array(value.detach().numpy(), wide, deep, budget)
    except (RuntimeError, TypeError):  # sparse, or bfloat16, which numpy does not have
        is_small = str(value.layout) == "torch.strided" and value.numel() <= SMALL
        if not is_small or not value.dtype.is_floating_point:
            note = "its values are not looked at: numpy has no such arrays"
            return {"facts": facts, "sections": [], "notes": [note]}
        found = numpy_array(value.detach().float().numpy(), wide, deep, budget)
    return {**found, "facts": facts + found["facts"]}
