"""The names of the tools, for settings that name tools: the tools themselves load later."""

from __future__ import annotations

READING = frozenset(
    {
        "get_output",
        "list_sessions",
        "get_kernel_status",
        "get_variables",
        "inspect_variable",
        "read_notebook",
        "list_files",
        "search_files",
        "read_file",
        "download_file",
    }
)
"""Those that change nothing."""

CHANGING = frozenset(
    {
        "execute_code",
        "create_session",
        "interrupt_kernel",
        "restart_kernel",
        "shutdown_kernel",
        "delete_session",
        "install_package",
        "create_notebook",
        "insert_cells",
        "edit_cell",
        "delete_cells",
        "move_cells",
        "run_cells",
        "clear_outputs",
        "undo_edit",
        "write_file",
        "edit_file",
    }
)
"""Those that run code, or change sessions, kernels or files."""

TOOL_NAMES = READING | CHANGING
