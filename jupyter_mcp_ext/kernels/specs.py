"""Which kernelspec a name means; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mcp_ext.errors import KernelUnavailable, shown


def chosen(wanted: str, specs: Mapping[str, Mapping[str, Any]], *, default: str) -> str:
    """The kernelspec of a name or display name; case counts only where it tells two apart.

    Of several kernelspecs with one display name the default is meant, if it is among them. Raises
    KernelUnavailable, naming those that can be used.
    """
    if wanted in specs:
        return wanted
    plain = wanted.strip().casefold()
    fits = [name for name in specs if name.casefold() == plain] or [
        name
        for name, spec in specs.items()
        if str(spec.get("display_name", "")).strip().casefold() == plain
    ]
    if len(fits) == 1:
        return fits[0]
    if default in fits:
        return default
    if fits:
        msg = f"{shown(wanted)} fits {len(fits)} kernels. Use one of these: {', '.join(fits)}."
        raise KernelUnavailable(msg)
    known = ", ".join(sorted(specs))
    msg = f"There is no kernel named {shown(wanted)}. Use one of these: {known}."
    raise KernelUnavailable(msg)
