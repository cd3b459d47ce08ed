"""Which Python a kernel uses: its kernelspec says so, or the kernel is asked."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from jupyter_mcp_ext.errors import KernelUnavailable
from jupyter_mcp_ext.in_kernel import texts
from jupyter_mcp_ext.kernels.activation import PYTHON
from jupyter_mcp_ext.kernels.evaluation import EvaluationError, evaluate
from jupyter_mcp_ext.kernels.losses import KernelLost
from jupyter_mcp_ext.kernels.specs import check_startable
from jupyter_mcp_ext.sandbox.overlay import Overlay
from jupyter_mcp_ext.sandbox.prefixes import OWN
from jupyter_mcp_ext.sandbox.provisioner import NAME

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.fleet import Kernels
    from jupyter_mcp_ext.kernels.kernel import Kernel

KERNELS = ("ipykernel_launcher", "ipykernel")
"""Modules that are a kernel in the very Python that runs them; others may start another one."""

LOCAL = "local-provisioner"
"""Jupyter's name for the provisioner that starts kernels as local processes."""

SECONDS = 3.0
"""How long a kernel is asked for something."""


@dataclass(frozen=True, kw_only=True)
class KernelOf:
    """The kernel of a session, which may not have been started."""

    name: str
    """Of its kernelspec."""
    running: Kernel | None
    """None while it does not run."""
    ready: Callable[[], Awaitable[Kernel]]
    """Starts it if necessary."""
    overlay: Overlay | None = None
    """Where its session's own packages are if it runs in the sandbox."""


async def interpreter(kernels: Kernels, kernel: KernelOf, env: Mapping[str, str]) -> str:
    """The Python of a kernel; ``env`` is the kernel's. Raises KernelUnavailable."""
    spec = await _spec(kernels, kernel.name)
    language = str(spec.get("language", ""))
    if language.lower() != "python":
        msg = (
            f"The kernel {kernel.name!r} runs {language or 'another language'}, and only packages "
            "for Python are installed here. Use a Python kernel, or execute_code with what the "
            "language has for it."
        )
        raise KernelUnavailable(msg)
    provisioner = (spec.get("metadata") or {}).get("kernel_provisioner") or {}
    if provisioner.get("provisioner_name", LOCAL) not in (LOCAL, NAME):
        msg = (
            f"The kernel {kernel.name!r} does not run as a process of this server, so nothing can "
            "be installed for it from here. Install with execute_code."
        )
        raise KernelUnavailable(msg)
    found = of_command(spec.get("argv") or [], env)
    if kernel.overlay is not None:
        sessions, argv = kernel.overlay.folder.parents[2], spec.get("argv") or []
        _check_finds(kernel.name, argv)
        await asyncio.to_thread(_check_trusted, kernels, kernel.name, found, env, sessions)
    return found or await _asked(kernel)


async def kernel_environment(
    kernels: Kernels, name: str, base: Mapping[str, str]
) -> dict[str, str]:
    """The environment variables of a kernel."""
    spec = await _spec(kernels, name)
    check_startable(name, spec)
    own = {k: Template(v).safe_substitute(base) for k, v in (spec.get("env") or {}).items()}
    return {**base, **own}


async def loaded(kernel: Kernel, names: Sequence[str]) -> set[str] | None:
    """Which of these modules a running kernel has loaded; None when it cannot be asked now."""
    if not kernel.is_idle:
        return None
    try:
        found = await _evaluate(kernel, "loaded", {"names": list(names)})
    except (EvaluationError, KernelLost, KernelUnavailable, asyncio.TimeoutError):
        return None
    return set(map(str, found)) if isinstance(found, list) else None


def of_command(argv: Sequence[str], env: Mapping[str, str]) -> str:
    """The Python that a kernelspec's command runs the kernel in; empty if the command hides it."""
    module = argv[argv.index("-m") + 1] if "-m" in argv[:-1] else ""
    if not argv or module not in KERNELS or not PYTHON.fullmatch(Path(argv[0]).name):
        return ""
    if argv[0] in OWN:
        return sys.executable
    return shutil.which(argv[0], path=env.get("PATH")) or ""


def ignores_path(argv: Sequence[str]) -> bool:
    """Whether a Python is started with an option by which it reads no ``PYTHONPATH``."""
    options = argv[1 : argv.index("-m")] if "-m" in argv else []
    letters = "".join(each[1:] for each in options if not each.startswith(("-X", "-W", "--")))
    return not {"I", "E", "S"}.isdisjoint(letters)


async def _spec(kernels: Kernels, name: str) -> Mapping[str, Any]:
    name = await kernels.known_name(name)
    return (await kernels.specs())[name]


def _check_finds(name: str, argv: Sequence[str]) -> None:
    """Refuse a kernel that would not find what is installed for its session alone."""
    if ignores_path(argv):
        msg = (
            f"The kernel {name!r} is started so that it ignores PYTHONPATH, by which kernels in "
            "the sandbox find the packages of their sessions. Use another kernel, or have a person "
            "take back Python's options -I, -E and -S."
        )
        raise KernelUnavailable(msg)


def _check_trusted(
    kernels: Kernels, name: str, python: str, env: Mapping[str, str], sessions: Path
) -> None:
    """Refuse to run, outside of the sandbox, what a kernel in it has named or can write. Blocks."""
    if not python:
        msg = (
            f"Which Python the kernel {name!r} uses only the kernel knows, and what code in "
            "the sandbox says is not run outside of it. Use another kernel: list_sessions shows "
            "them."
        )
        raise KernelUnavailable(msg)
    found = (env.get("PYTHONPATH"), env.get("PATH"), os.environ.get("PATH"))
    places = [place for each in found for place in _listed(each)]
    if not kernels.sandbox.trusts(python, [*places, *_of_uv(env)], sessions):
        msg = (
            f"Kernels in the sandbox can write into the environment of {name!r}, or where this "
            "server finds programs, or where uv has its cache, configuration or temporary files "
            "(McpSandbox.writable_paths, the sessions' folder): nothing of it is run outside of "
            "the sandbox. Use another kernel, or ask a person."
        )
        raise KernelUnavailable(msg)


def _of_uv(env: Mapping[str, str]) -> list[str]:
    """Where uv keeps what it unpacks and runs, and where its configuration is."""
    home = env.get("HOME") or str(Path.home())
    cache = env.get("XDG_CACHE_HOME") or f"{home}/.cache"
    configuration = env.get("XDG_CONFIG_HOME") or f"{home}/.config"
    found = [
        env.get("UV_CACHE_DIR") or f"{cache}/uv",
        *(f"{each}/uv" for each in (configuration, *_listed(env.get("XDG_CONFIG_DIRS")))),
        # Of temporary folders, those that are made for uv: a session's folder may be in one too.
        f"{tempfile.gettempdir()}/{secrets.token_hex(8)}",
        *(f"{each}/{secrets.token_hex(8)}" for each in _listed(env.get("TMPDIR"))),
    ]
    return [*found, *filter(None, [env.get("UV_CONFIG_FILE")])]


def _listed(places: str | None) -> list[str]:
    return [place for place in (places or "").split(os.pathsep) if place]


async def _asked(kernel: KernelOf) -> str:
    """The Python that the kernel itself reports, for a kernel that another program starts."""
    running = await kernel.ready()
    if not running.is_idle:
        msg = "Only the kernel knows which Python it uses, and it is busy. Try again later."
        raise KernelUnavailable(msg)
    try:
        found = str(await _evaluate(running, "where", {}))
    except (EvaluationError, KernelLost, asyncio.TimeoutError):
        found = ""
    if not Path(found).is_absolute():
        msg = (
            f"Which Python the kernel {kernel.name!r} uses is not known here. Install with "
            "execute_code, for example with %pip install."
        )
        raise KernelUnavailable(msg)
    return found


async def _evaluate(kernel: Kernel, function: str, arguments: Mapping[str, Any]) -> Any:
    async with kernel.linked() as link:
        if not link.info.kind.runs_functions:
            msg = "only ipykernel is asked"
            raise EvaluationError(msg)
        source = await asyncio.to_thread(texts.environment)
        return await evaluate(link, source, function, arguments, timeout=SECONDS)
