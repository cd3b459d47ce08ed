"""Arrays: shape, statistics, first and last rows; never a copy of them."""

from __future__ import annotations

from typing import Any

from .libraries import cell, kind
from .plain import brief, library
from .tables import EXACT, SAMPLE, dtype_name, edges, number, table, titles


def numpy_array(value: Any, wide: int, deep: int) -> dict[str, Any]:
    facts: list[list[str]] = []
    step = 1
    if value.dtype.kind in "iufb" and value.size:
        step = 1 if value.size <= EXACT else max(1, value.size // (10 * SAMPLE))
        facts = array_statistics(array_sample(value, step))
    elif value.dtype.names:
        facts = [["fields", ", ".join(cell(name, 20) for name in value.dtype.names[:deep])]]
    note = f"statistics are of about every {step:,}th value" if step > 1 else ""
    return {"facts": facts, "sections": array_rows(value, wide), "notes": [note]}


def array_sample(value: Any, step: int) -> Any:
    """A view of an array, evenly taken."""
    if step == 1:
        return value
    for flat in (value, value.T):
        if flat.flags.c_contiguous:
            return flat.reshape(-1)[::step]
    longest = max(range(value.ndim), key=lambda axis: value.shape[axis])
    where = [slice(None)] * value.ndim
    where[longest] = slice(None, None, min(step, value.shape[longest]))
    return value[tuple(where)]


def array_statistics(sample: Any) -> list[list[str]]:
    facts = []
    if sample.dtype.kind == "f":
        numpy = library("numpy")
        known = numpy["isfinite"](sample)
        missing = int(numpy["isnan"](sample).sum())
        facts.append(["missing", f"{missing:,}"])
        if not known.all():
            facts.append(["infinite", f"{int(sample.size - known.sum()) - missing:,}"])
            sample = sample[known]
    if sample.size and sample.dtype.kind != "b":
        facts += [["min", number(sample.min())], ["max", number(sample.max())]]
    if sample.size:
        facts += [["mean", number(sample.mean(dtype="float64"))]]
        facts += [["std", number(sample.std(dtype="float64"))]]
    return facts


def array_rows(value: Any, wide: int) -> list[dict[str, Any]]:
    """The first and the last rows; of more than two dimensions those of the first plane."""
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


def numpy_scalar(value: Any, wide: int, deep: int) -> dict[str, Any]:
    return {"facts": [["value", cell(value.item(), 200)]], "sections": [], "notes": []}


def data_array(value: Any, wide: int, deep: int) -> dict[str, Any]:
    facts = [["dims", dims(value)], ["coords", ", ".join(cell(n, 20) for n in value.coords)]]
    data = getattr(value.variable, "_data", None)
    if kind(data) != "numpy.ndarray":
        return {"facts": facts, "sections": [], "notes": ["its values are not loaded"]}
    found = numpy_array(data, wide, deep)
    return {**found, "facts": facts + found["facts"]}


def dims(value: Any) -> str:
    return ", ".join("{}: {:,}".format(*pair) for pair in value.sizes.items())


def dataset(value: Any, wide: int, deep: int) -> dict[str, Any]:
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


def tensor(value: Any, wide: int, deep: int) -> dict[str, Any]:
    facts = [["device", str(value.device)], ["requires_grad", str(value.requires_grad)]]
    if str(value.device) != "cpu":
        return {"facts": facts, "sections": [], "notes": ["its values are on a device"]}
    try:
        found = numpy_array(value.detach().numpy(), wide, deep)
    except (RuntimeError, TypeError):  # sparse, or bfloat16, which numpy does not have
        is_small = str(value.layout) == "torch.strided" and value.numel() <= EXACT
        if not is_small or not value.dtype.is_floating_point:
            note = "its values are not looked at: numpy has no such arrays"
            return {"facts": facts, "sections": [], "notes": [note]}
        found = numpy_array(value.detach().float().numpy(), wide, deep)
    return {**found, "facts": facts + found["facts"]}
