"""Which resources have changed: heard of from Jupyter's events, from rooms and from this package.

Nothing is looked at again and again. A file that another program writes is not noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from .uris import ListOf, Name, Uri

if TYPE_CHECKING:
    from jupyter_mcp_ext.executions.execution import Execution
    from jupyter_mcp_ext.sessions.session import Session

CONTENTS = "https://events.jupyter.org/jupyter_server/contents_service/v1"
KERNELS = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"
"""The schemas of Jupyter's events."""

COMES = frozenset({"save", "upload", "create", "copy", "rename"})
GOES = frozenset({"delete"})
"""Jupyter's words for what makes or changes a file, and for what removes it."""

NOTEBOOK = ".ipynb"

MAX_LISTED = 10_000
"""Paths of notebooks that are known to have been listed."""


class Watcher(Protocol):
    """Is told of changes; a watched resource may be told of that has not changed."""

    def tell(self, name: Name) -> None:
        """What it watches may have changed."""


class Rooms(Protocol):
    """The rooms of watched notebooks."""

    def watch(self, path: str) -> None:
        """Tell of changes in the room of a notebook, now and when people open it later."""

    def unwatch(self, path: str) -> None:
        """Tell of them no longer."""

    def look(self, path: str) -> None:
        """People may have opened the room of a notebook."""

    async def settled(self) -> None:
        """Return when the rooms that are open now are observed."""

    async def close(self) -> None:
        """Tell of no room."""


class Changes:
    """Tells watchers what has changed; ``events`` is Jupyter's EventLogger."""

    def __init__(
        self,
        events: Any,
        rooms: Callable[[Callable[[str], None]], Rooms],
        sessions_of: Callable[[str], Iterable[Session]],
        started_here: Callable[[str], bool],
    ) -> None:
        """``rooms`` is given what is to be called with the path of a notebook that changes.

        ``sessions_of`` gives the sessions on the kernel of an id; ``started_here`` says whether
        this package has started that kernel, and tells of it itself.
        """
        self._events = events
        self._rooms = rooms(self.notebook)
        self._sessions_of = sessions_of
        self._started_here = started_here
        self._watchers: dict[Name, dict[Watcher, None]] = {}
        """By what they watch."""
        self._listed: dict[str, None] = {}

    def __len__(self) -> int:
        """How many resources are watched."""
        return len(self._watchers)

    def watch(self, watcher: Watcher, name: Name) -> None:
        """Tell a watcher of the changes of a resource, or of the list."""
        if not self._watchers:
            self._events.add_listener(schema_id=CONTENTS, listener=self._on_contents)
            self._events.add_listener(schema_id=KERNELS, listener=self._on_kernel)
        is_new = name not in self._watchers
        self._watchers.setdefault(name, {})[watcher] = None
        if is_new and isinstance(name, Uri) and name.kind == "notebooks":
            self._rooms.watch(name.name)

    def unwatch(self, watcher: Watcher, name: Name) -> None:
        """Tell a watcher of it no longer."""
        watchers = self._watchers.get(name, {})
        watchers.pop(watcher, None)
        if watchers or self._watchers.pop(name, None) is None:
            return
        if isinstance(name, Uri) and name.kind == "notebooks":
            self._rooms.unwatch(name.name)
        if not self._watchers:
            for listener in (self._on_contents, self._on_kernel):
                with suppress(KeyError):
                    self._events.remove_listener(listener=listener)

    async def settled(self) -> None:
        """Return when the rooms that are open now are observed."""
        await self._rooms.settled()

    async def close(self) -> None:
        """Observe no room."""
        await self._rooms.close()

    def notebook(self, path: str) -> None:
        """The notebook at an API path has changed."""
        self._tell(Uri(kind="notebooks", name=path))

    def saved(self, path: str) -> None:
        """A file was saved, which may be new."""
        if path in self._listed:
            self.notebook(path)
        else:
            self._came(path)

    def execution(self, execution: Execution) -> None:
        """An execution has begun; its end is heard of here."""
        self._tell(Uri(kind="sessions", name=execution.session_id))
        execution.done.add_done_callback(lambda _: self._ended(execution))

    def session(self, session: Session) -> None:
        """A session is new, or gone."""
        self._tell(Uri(kind="sessions", name=session.id))
        self._tell_list(session.owner)

    def started(self, session: Session) -> None:
        """The kernel of a session was started here: Jupyter's event came before that was known."""
        self._tell(Uri(kind="sessions", name=session.id))
        if not session.owner:
            self._tell_list()

    def listed(self, paths: Iterable[str]) -> None:
        """Notebooks were listed: to save one of them does not change the list."""
        self._listed.update(dict.fromkeys(paths))
        while len(self._listed) > MAX_LISTED:
            del self._listed[next(iter(self._listed))]

    def _ended(self, execution: Execution) -> None:
        self._tell(Uri(kind="executions", name=execution.id))
        self._tell(Uri(kind="sessions", name=execution.session_id))

    def _tell(self, name: Name) -> None:
        for watcher in tuple(self._watchers.get(name, ())):
            watcher.tell(name)

    def _tell_list(self, owner: str = "") -> None:
        """Tell those who see another list now: all users, or the owner of a session."""
        for name in tuple(self._watchers):
            if isinstance(name, ListOf) and owner in ("", name.subject):
                self._tell(name)

    async def _on_contents(self, logger: Any, schema_id: str, data: Mapping[str, Any]) -> None:
        """Called by the EventLogger, with these names."""
        action = data.get("action")
        path = str(data.get("path") or "").strip("/")
        if action == "get":  # so rooms begin
            self._rooms.look(path)
        elif action in GOES:
            self._gone(path)
        elif action in COMES:
            (self.saved if action == "save" else self._came)(path)
            if action == "rename":
                self._tell_below(path)
                self._gone(str(data.get("source_path") or "").strip("/"))

    def _came(self, path: str) -> None:
        self.notebook(path)
        if is_listed(path):
            self.listed([path])
            self._tell_list()

    def _gone(self, path: str) -> None:
        self.notebook(path)
        self._tell_below(path)
        if is_listed(path):
            self._listed.pop(path, None)
            self._tell_list()

    def _tell_below(self, folder: str) -> None:
        """Tell of what is in a folder, if it is one, that was moved or deleted."""
        names = [n for n in self._watchers if isinstance(n, Uri) and n.kind == "notebooks"]
        for name in names:
            if name.name.startswith(f"{folder}/"):
                self._tell(name)

    async def _on_kernel(self, logger: Any, schema_id: str, data: Mapping[str, Any]) -> None:
        """Called by the EventLogger, with these names."""
        kernel_id = str(data.get("kernel_id"))
        sessions = list(self._sessions_of(kernel_id))
        for session in sessions:
            self._tell(Uri(kind="sessions", name=session.id))
        if data.get("action") not in ("start", "shutdown") or any(s.owner for s in sessions):
            return
        # One of a person's sessions gets its kernel before it is known here.
        if sessions or not self._started_here(kernel_id):
            self._tell_list()


def is_listed(path: str) -> bool:
    """Whether the list of resources has the notebook at a path also when it is not open."""
    return path.endswith(NOTEBOOK) and "/" not in path
