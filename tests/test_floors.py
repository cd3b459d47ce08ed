"""The floors of the package: which module may import which, and what loads with Jupyter."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jupyter_mcp_ext
from jupyter_mcp_ext import entry

PACKAGE = Path(jupyter_mcp_ext.__file__).parent

FLOORS = [
    (
        "concurrency",
        "errors",
        "flushing",
        "in_kernel",
        "measured",
        "sandbox",
        "sealed",
        "system",
        "version",
        "wording",
        "governance.caller",
        "governance.life",
    ),
    ("outputs",),
    ("kernels", "notebooks", "files", "search", "packages", "rendering", "variables", "advice"),
    ("executions", "sessions", "resources"),
    ("governance", "monitoring"),
    ("services",),
    ("operations",),
    ("tools", "extending"),
    ("protocol",),
    ("transport", "page", "connect", "clients"),
    ("app", "cli", "commands", "entry", "__main__"),
]
"""From the ground up; a module may import from its own floor and from those below."""

LATE = {
    "entry": "the server, which commands of clients do not need",
    "outputs.drawings": "an extra, which may be missing",
    "outputs.rendering": "megabytes that most servers never need",
    "clients.doctor.late": "the SDK, which may be missing or too old where the doctor looks",
    "transport.host": "the SDK, which loads once the server is up",
}
"""Modules that import by name at run time, and why; code for kernels is exempt."""

UNIX_ONLY = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty")
"""Modules without which the extension has to load on Windows."""

SDK = ("mcp", "mcp_types", "pydantic")
SDK_USERS = ("clients.doctor.sdk", "transport.sdk", "protocol", "tools")


def module_name(path: Path) -> str:
    """``kernels.turn`` for ``kernels/turn.py``, ``kernels`` for its ``__init__``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def floor(name: str) -> int:
    """The number of a module's floor; the longest name that fits decides."""
    fits = {
        prefix: number
        for number, prefixes in enumerate(FLOORS)
        for prefix in prefixes
        if name == prefix or name.startswith(prefix + ".")
    }
    assert fits, f"{name} stands on no floor; add it to FLOORS."
    return fits[max(fits, key=len)]


@functools.cache
def trees() -> dict[Path, ast.Module]:
    """The modules of the package, each parsed once."""
    return {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path) -> Iterator[str]:
    """The full names of everything that a module imports."""
    package = ["jupyter_mcp_ext", *module_name(path).split(".")]
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(trees()[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def test_modules_import_from_their_own_floor_or_below() -> None:
    above = [
        f"{own} imports {other}, which is above it"
        for path in trees()
        if (own := module_name(path))
        for name in imports(path)
        if name.startswith("jupyter_mcp_ext.") and name != "jupyter_mcp_ext.__version__"
        if floor(other := name.removeprefix("jupyter_mcp_ext.")) > floor(own)
    ]

    assert above == []


def top_level_names(node: ast.AST) -> list[str]:
    """``mcp`` for an import of ``mcp.types``, and for one from it."""
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    return [(node.module or "").split(".")[0]] if isinstance(node, ast.ImportFrom) else []


def for_types_only(tree: ast.Module) -> set[int]:
    """The ids of the nodes that only a type checker evaluates."""
    return {
        id(node)
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and "TYPE_CHECKING" in ast.unparse(guard.test)
        for node in ast.walk(guard)
    }


def test_what_only_unix_has_is_imported_on_unix_only() -> None:
    unconditional = [
        f"{module_name(path)} imports {name}"
        for path, tree in trees().items()
        for node in tree.body
        if not getattr(node, "level", 0)
        for name in top_level_names(node)
        if name in UNIX_ONLY
    ]

    assert unconditional == []


def test_only_the_sdks_side_imports_the_sdk() -> None:
    others = {
        path: tree
        for path, tree in trees().items()
        if not any(
            module_name(path) == user or module_name(path).startswith(user + ".")
            for user in SDK_USERS
        )
    }

    importing = [
        f"{module_name(path)} imports {name}"
        for path, tree in others.items()
        for node in ast.walk(tree)
        for name in top_level_names(node)
        if name in SDK and id(node) not in for_types_only(tree)
    ]

    assert importing == []


def test_no_function_imports() -> None:
    late = [
        f"{module_name(path)}: {ast.unparse(node)}"
        for path, tree in trees().items()
        if module_name(path)  # Jupyter's seam for finding the extension asks for it
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert late == []


def test_only_named_modules_import_by_name() -> None:
    by_name = {
        module_name(path)
        for path, tree in trees().items()
        if "in_kernel" not in path.parts
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
        if ast.unparse(node).endswith(("import_module", "__import__"))
    }

    assert by_name == set(LATE)


def test_what_jupyter_loads_with_the_extension_is_light() -> None:
    code = (
        "import sys, jupyter_server.serverapp;"
        "before = set(sys.modules);"
        "import jupyter_mcp_ext.app;"
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = set(ran.stdout.split())

    assert "jupyter_mcp_ext" in loaded
    assert not loaded & {*SDK, "PIL", "starlette", "uvicorn"}


def test_what_reads_images_does_not_load_with_the_server() -> None:
    code = (
        "import sys, jupyter_server.serverapp;"
        "before = set(sys.modules);"
        "import jupyter_mcp_ext.protocol.server;"
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = set(ran.stdout.split())

    assert "mcp" in loaded
    assert not loaded & {"PIL", "cairosvg"}


def test_a_command_that_clients_start_loads_nothing_of_the_server() -> None:
    for module in entry.LIGHT.values():
        code = f"import sys, {module}; print(*sorted(m.split('.')[0] for m in sys.modules))"
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )

        assert not set(ran.stdout.split()) & {*SDK, "jupyter_server", "tornado"}, module
