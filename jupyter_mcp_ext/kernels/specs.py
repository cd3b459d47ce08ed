"""Kernelspecs: which one a name means, and whether it can be started; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from jupyter_mcp_ext.errors import KernelUnavailable, shown


def chosen(wanted: str, specs: Mapping[str, Mapping[str, Any]], *, default: str) -> str:
    """The kernelspec of a name or display name; case matters only between two that fit.

    If several kernelspecs have the display name, the default is meant, if it is among them. Raises
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
    if not specs:
        msg = "This server has no kernels. Ask its operator to install one, such as ipykernel."
        raise KernelUnavailable(msg)
    known = ", ".join(sorted(specs))
    msg = f"There is no kernel named {shown(wanted)}. Use one of these: {known}."
    raise KernelUnavailable(msg)


def check_startable(name: str, spec: Mapping[str, Any]) -> None:
    """Raise KernelUnavailable, saying what to correct, if its values cannot start a process."""
    env = spec.get("env") or {}
    if not isinstance(env, Mapping):
        _refuse(name, "its env is not an object of strings")
    for variable, value in env.items():
        if not isinstance(value, str) or "\0" in value:
            _refuse(name, f"the value of {shown(str(variable))} in its env is not a string")
    argv = spec.get("argv") or []
    if not isinstance(argv, list) or not all(isinstance(each, str) for each in argv):
        _refuse(name, "its argv is not a list of strings")


def _refuse(name: str, why: str) -> NoReturn:
    msg = (
        f"The kernel {shown(name)} cannot be started: {why}. Have its kernel.json corrected; "
        "list_sessions shows the other kernels there are."
    )
    raise KernelUnavailable(msg)
