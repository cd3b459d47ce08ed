"""The names of the tools, for settings that name tools: the tools themselves load later."""

from __future__ import annotations

from collections.abc import Iterable

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

OF_TASKS = frozenset({"cancel_task", "update_task"})
"""What clients ask for of tasks and changes something: it has names like those of tools."""


OF_BRIDGE = frozenset({"receive_file"})
"""What the bridge calls to copy a file, and no model."""


class ToolNames:
    """The names of one server's tools: those above, and those of other packages."""

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self.extra = frozenset(extra)
        self._reading = set(READING)

    @property
    def all(self) -> frozenset[str]:
        """Every name."""
        return TOOL_NAMES | self.extra

    def note_reading(self, name: str) -> None:
        """Note that a tool of another package changes nothing; until then it may."""
        self._reading.add(name)

    def reads(self, name: str) -> bool:
        """Whether a tool changes nothing."""
        return name in self._reading

    def changes(self, name: str) -> bool:
        """Whether a name is that of a tool that may change something."""
        if name in self.extra:
            return name not in self._reading
        return name in CHANGING | OF_TASKS | OF_BRIDGE
