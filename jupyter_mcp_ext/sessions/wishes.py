"""Finds or makes what ``create_session`` asks for, with notices on arguments without effect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from jupyter_mcp_ext.errors import InvalidArgument, shown

from .disk.record import Restore
from .notices import others
from .register import DEFAULT_WORDS, folder_of

if TYPE_CHECKING:
    from jupyter_mcp_ext.files.paths import Hides
    from jupyter_mcp_ext.governance.caller import Caller
    from jupyter_mcp_ext.notebooks.notebooks import Notebooks

    from .making import SessionMaker
    from .register import Register
    from .session import Session
    from .spares import Spares

MAX_NAME = 64
"""Characters of a session's name."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The arguments of ``create_session``."""

    name: str | None = None
    kernel_name: str | None = None
    path: str | None = None
    """A notebook."""
    cwd: str | None = None
    restore: Restore | None = None
    copy_of: str | None = None
    copied_kernel: str | None = None
    """The kernel of that session, for a new one that asks for none."""


class Created(NamedTuple):
    """A session, whether it existed, and notices for its caller."""

    session: Session
    existing: bool
    notices: tuple[str, ...] = ()


class Wishes:
    """Finds or makes the session of a wish; it has no kernel yet, unless it was a spare."""

    def __init__(
        self,
        register: Register,
        maker: SessionMaker,
        spares: Spares,
        notebooks: Notebooks,
        folder: Callable[[str, Hides], Awaitable[str]],
        lock: Callable[[object], asyncio.Lock],
    ) -> None:
        """``folder`` gives the API path that an argument names, or refuses it."""
        self._register = register
        self._maker = maker
        self._spares = spares
        self._notebooks = notebooks
        self._folder = folder
        self._lock = lock

    async def find_or_make(self, caller: Caller, wish: Wish, hides: Hides) -> Created:
        """The session of that name or on that notebook. Raises ToolError and leaves nothing."""
        name = None if wish.name is None else checked_name(wish.name)
        kernel_name = None
        if wish.kernel_name:
            kernel_name = await self._maker.known_name(wish.kernel_name)
        cwd = await self._folder(wish.cwd, hides) if wish.cwd else None
        path = await self._notebooks.named(wish.path, hides) if wish.path else None
        plain = replace(wish, name=name, kernel_name=kernel_name, path=path, cwd=cwd)
        if plain.path:
            return await self._on_notebook(caller, plain, plain.path, hides)
        return await self._named(caller, plain)

    async def _named(self, caller: Caller, wish: Wish) -> Created:
        async with self._lock((caller.subject, wish.name)):
            for session in self._register.own(caller.subject):
                if wish.name and wish.name in (session.name, session.id):
                    return joined(session, caller, wish)
            folder = self._maker.folder_for(caller) if wish.cwd is None else wish.cwd
            kernel_name = wish.kernel_name or wish.copied_kernel
            is_default = kernel_name in (None, self._maker.default_kernel)
            if is_default and folder == self._maker.home(caller.subject):
                spare = await self._maker.hand_out(caller, wish.name, self._spares.take)
                if spare is not None:
                    return Created(spare, existing=False)
            made = await self._maker.make(caller, wish.name, kernel_name, folder)
            return Created(made, existing=False)

    async def _on_notebook(self, caller: Caller, wish: Wish, path: str, hides: Hides) -> Created:
        async with self._lock(("path", path)):
            session = await self._register.on_notebook(path, caller)
            if session is not None:
                return joined(session, caller, wish)
            own = self._register.own(caller.subject)
            taken = next((s for s in own if wish.name and s.name == wish.name), None)
            if taken is not None:
                msg = (
                    f"{shown(wish.name)} is the name of your session {taken.id} already, which is "
                    "not on this notebook. Give another name."
                )
                raise InvalidArgument(msg)
            asked = await self._notebooks.kernel_name(path, hides=hides)
            kernel_name, notices = await self._kernel_for(wish, asked)
            folder = folder_of(path) if wish.cwd is None else wish.cwd
            name = wish.name or PurePosixPath(path).name
            session = await self._maker.make(caller, name, kernel_name, folder, path)
        unopened = f"{path} was not open with a kernel: a new one was started for it"
        return Created(session, existing=False, notices=(unopened, *notices))

    async def _kernel_for(self, wish: Wish, asked: str) -> tuple[str, tuple[str, ...]]:
        """The kernel for a notebook, which may ask for one, and notices about it."""
        if wish.kernel_name is not None and asked in ("", wish.kernel_name):
            return wish.kernel_name, ()
        if wish.kernel_name is not None:
            return wish.kernel_name, (f"the notebook itself asks for the kernel {shown(asked)}",)
        default = wish.copied_kernel or self._maker.default_kernel
        if not asked or asked in await self._maker.kernel_names():
            return asked or default, ()
        return default, (f"the notebook asks for the kernel {shown(asked)}, which is not here",)


def joined(session: Session, caller: Caller, wish: Wish) -> Created:
    """An existing session for a wish. Raises InvalidArgument when it has another kernel."""
    if wish.kernel_name not in (None, session.kernel_name):
        msg = (
            f"The session {session.id} ({session.name}) exists already, with the kernel "
            f"{session.kernel_name} and not {wish.kernel_name}. Leave kernel_name out to use it, "
            "or give another name."
        )
        raise InvalidArgument(msg)
    said = []
    whose = others(session, caller.client, now=time.time())
    if whose:
        said.append(f"{whose}; its variables are theirs too")
    if wish.name and wish.name not in (session.name, session.id):
        said.append(f"it is named {session.name} already: name was not used")
    if wish.cwd is not None and wish.cwd != session.cwd:
        said.append(f"its folder stays {session.cwd or '.'}: cwd is for new sessions")
    if wish.restore is not None and not session.is_agents:
        said.append("it is a person's and does not come back: restore was not used")
    if wish.copy_of:
        said.append(f"nothing of {wish.copy_of} was copied: copy_of is for new sessions")
    return Created(session, existing=True, notices=tuple(said))


def checked_name(name: str) -> str:
    """A name for a session. Raises InvalidArgument."""
    name = name.strip()
    if (
        name.lower() in DEFAULT_WORDS
        or len(name) > MAX_NAME
        or "/" in name
        or not name.strip(".")
        or not name.isprintable()
    ):
        msg = (
            f"{shown(name)} is not a name for a session: a name has 1 to {MAX_NAME} printable "
            "characters and no slash. Use one like 'churn-model'."
        )
        raise InvalidArgument(msg)
    return name
