"""Every tool there is, in the order in which clients see them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from .cells import run_cells
from .definition import Tool
from .deletion import delete_session
from .edits import clear_outputs, delete_cells, edit_cell, insert_cells, move_cells, undo_edit
from .execution import execute_code
from .files import download_file, edit_file, list_files, read_file, search_files, write_file
from .notebooks import create_notebook, read_notebook
from .outputs import get_output
from .packages import install_package
from .receiving import receive_file
from .sessions import (
    create_session,
    get_kernel_status,
    interrupt_kernel,
    list_sessions,
    restart_kernel,
    shutdown_kernel,
)
from .variables import get_variables, inspect_variable

TOOLS: tuple[Tool, ...] = (
    execute_code,
    get_output,
    create_session,
    list_sessions,
    get_kernel_status,
    interrupt_kernel,
    restart_kernel,
    shutdown_kernel,
    delete_session,
    get_variables,
    inspect_variable,
    install_package,
    create_notebook,
    read_notebook,
    insert_cells,
    edit_cell,
    delete_cells,
    move_cells,
    run_cells,
    clear_outputs,
    undo_edit,
    list_files,
    search_files,
    read_file,
    write_file,
    edit_file,
    download_file,
)

UNLISTED: tuple[Tool, ...] = (receive_file,)
"""What the bridge calls on behalf of its own tools, where a model may call `Tool.same_as`."""

BY_NAME: Mapping[str, Tool] = {tool.name: tool for tool in TOOLS}

PEERS: Mapping[str, str] = {
    "use_notebook": "create_session",
    "list_variables": "get_variables",
    "get_variable": "inspect_variable",
    "connect_to_jupyter": "create_session",
    "remove_session": "delete_session",
    "list_kernels": "list_sessions",
    "list_notebooks": "list_sessions",
    "execute_ipython": "execute_code",
    "run_code": "execute_code",
    "pip_install": "install_package",
    "install_packages": "install_package",
    "install_dependencies": "install_package",
    "read_cell": "read_notebook",
    "read_cells": "read_notebook",
    "get_cell": "read_notebook",
    "list_cells": "read_notebook",
    "get_notebook": "read_notebook",
    "add_cell": "insert_cells",
    "append_cell": "insert_cells",
    "create_cell": "insert_cells",
    "insert_markdown_cell": "insert_cells",
    "insert_execute_code_cell": "insert_cells",
    "append_execute_code_cell": "insert_cells",
    "replace_cell": "edit_cell",
    "overwrite_cell_source": "edit_cell",
    "edit_notebook": "edit_cell",
    "notebook_edit": "edit_cell",
    "notebook_create": "create_notebook",
    "remove_cell": "delete_cells",
    "execute_cell": "run_cells",
    "run_notebook": "run_cells",
    "execute_notebook": "run_cells",
    "restart_and_run_all": "run_cells",
    "list_dir": "list_files",
    "list_directory": "list_files",
    "grep": "search_files",
    "ripgrep": "search_files",
    "rg": "search_files",
    "search": "search_files",
    "search_code": "search_files",
    "search_notebook": "search_files",
    "search_notebooks": "search_files",
    "search_notebook_cells": "search_files",
    "search_cells": "search_files",
    "find_in_files": "search_files",
    "read_text_file": "read_file",
    "view_file": "read_file",
    "create_file": "write_file",
    "upload_file": "write_file",
    "upload_file_path": "write_file",
    "str_replace": "edit_file",
    "get_file": "download_file",
}
"""Names of similar tools of other servers."""


def unknown(name: str, others: Collection[str] = ()) -> str:
    """The message for a tool that does not exist; ``others`` are tools of other packages."""
    low = name.lower().replace("-", "_")[:64]
    near = get_close_matches(low, (*BY_NAME, *others, *PEERS), n=1, cutoff=0.7)
    ours = PEERS.get(near[0], near[0]) if near else _by_words(low)
    if ours:
        return f"There is no tool {name[:64]!r} here. Use {ours}."
    return f"There is no tool {name[:64]!r}. The tools are: {', '.join((*BY_NAME, *others))}."


def _by_words(name: str) -> str:
    """The tool whose name shares the most words; empty when no single one does."""
    words = set(name.split("_"))
    shared = {tool: len(words & set(tool.split("_"))) for tool in BY_NAME}
    best = max(shared.values())
    fits = [tool for tool, count in shared.items() if count == best]
    return fits[0] if best and len(fits) == 1 else ""
