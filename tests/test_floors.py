"""The drawing of the package: who may import whom, and what Jupyter loads with us."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jupyter_mcp_ext

PACKAGE = Path(jupyter_mcp_ext.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

FLOORS = [
    ("errors", "system", "measured", "governance.caller"),
    ("outputs",),
    ("kernels", "notebooks", "files", "packages", "rendering", "variables", "advice"),
    ("executions", "sessions"),
    ("governance",),
    ("services",),
    ("tools", "tasks"),
    ("server",),
    ("transport",),
    ("connect", "app", "cli", "__main__"),
]
"""From the ground up; a module may import from its own floor and from those below."""

SDK = ("mcp", "mcp_types", "pydantic")
SDK_USERS = ("transport.sdk", "server", "tasks", "tools")


def module_name(path: Path) -> str:
    """``kernels.link`` for ``kernels/link.py``, ``kernels`` for its ``__init__``."""
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
    assert fits, f"{name} stands on no floor: add it to FLOORS"
    return fits[max(fits, key=len)]


def imports(path: Path) -> Iterator[str]:
    """The full names of everything that a module imports."""
    package = ["jupyter_mcp_ext", *module_name(path).split(".")]
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_from_its_own_floor_or_below(path: Path) -> None:
    own = module_name(path)
    if not own:
        return
    for name in imports(path):
        if name.startswith("jupyter_mcp_ext.") and name != "jupyter_mcp_ext.__version__":
            other = name.removeprefix("jupyter_mcp_ext.")
            assert floor(other) <= floor(own), f"{own} imports {other}, which is above it"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_only_the_sdks_side_imports_the_sdk(path: Path) -> None:
    own = module_name(path)
    if any(own == user or own.startswith(user + ".") for user in SDK_USERS):
        return
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and "TYPE_CHECKING" in ast.unparse(guard.test)
        for node in ast.walk(guard)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in typing_only:
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
            )
            assert not [n for n in names if n.split(".")[0] in SDK], f"{own} imports the SDK"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_no_function_imports(path: Path) -> None:
    if not module_name(path):
        return  # Jupyter's seam for finding the extension asks for it
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                assert not isinstance(node, ast.Import | ast.ImportFrom), ast.unparse(node)


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
        "import jupyter_mcp_ext.server;"
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = set(ran.stdout.split())

    assert "mcp" in loaded
    assert not loaded & {"PIL", "cairosvg"}
