"""``jupyter mcp sessions``: the sessions on disk, also while servers use some of them."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from jupyter_mcp_ext.governance.keys import Keys
from jupyter_mcp_ext.outputs.characters import escaped
from jupyter_mcp_ext.sessions.disk.lock import HeldElsewhere
from jupyter_mcp_ext.sessions.disk.removal import Removal, StillUsed
from jupyter_mcp_ext.sessions.disk.store import Disk, SessionStore
from jupyter_mcp_ext.sessions.disk.users import UserFolders
from jupyter_mcp_ext.sessions.retention.plan import Kept, archived_at, plan
from jupyter_mcp_ext.sessions.retention.retention import McpRetention
from jupyter_mcp_ext.sessions.retention.rounds import DONE
from jupyter_mcp_ext.sessions.session import Session
from jupyter_mcp_ext.transport.identity import SHARED_SUBJECT
from jupyter_mcp_ext.wording import ago, counted, size

from .command import Command
from .people import Unknown, paths_in_use

REFUSED = 1
"""Exit status if something was not done, since it is in use or is not there."""


class Sessions(Command):
    """Lists, shows, deletes and expires the sessions on disk."""

    name = "jupyter-mcp-sessions"
    classes = [McpRetention]  # noqa: RUF012  # traitlets reads it from the class

    def parser(self) -> ArgumentParser:
        """See `Command`."""
        return parser()

    @cached_property
    def root(self) -> Path:
        """The folder that the server serves."""
        named = self.options.root_dir or self.config.ServerApp.get("root_dir") or Path.cwd()
        return Path(named).expanduser().resolve()

    @cached_property
    def store(self) -> SessionStore:
        """The sessions on disk."""
        server = self.config.ServerApp
        tells_apart = "identity_provider_class" in server or "login_handler_class" in server
        disk = Disk(
            root=self.root,
            key=Keys(self.key_file, self.log).derive,
            shared_subject="" if tells_apart else SHARED_SUBJECT,
            live=_no_room,
        )
        settings = self.config.McpSessions
        folder = settings.get("sessions_dir", "mcp-sessions")
        return SessionStore(disk, folder, self.log, UserFolders(settings.get("user_dir", "")))

    @cached_property
    def removal(self) -> Removal:
        """What archives and deletes them."""
        return Removal(self.store)

    def found(self) -> list[Session]:
        """The sessions that the command is about, those used last at the end."""
        if not self.root.is_dir():
            self.fail(f"There is no folder {self.root}.")
        user = self.options.user
        sessions = [s for s in asyncio.run(self.store.all()) if user in (None, s.owner)]
        return sorted(sessions, key=lambda each: each.last_used)

    def list_all(self) -> None:
        """Print the sessions, each in a line."""
        found = [self._described(session) for session in self.found()]
        if self.options.json:
            sys.stdout.write(f"{json.dumps(found)}\n")
            return
        for each in found:
            used = ago(time.time() - each["last_used"])
            sys.stdout.write(
                f"{each['id']}  {each['state']:8}  {size(each['bytes']):>7}  used {used:12}  "
                f"{escaped(each['owner'])}  {escaped(each['name'])}\n"
            )
        total = sum(each["bytes"] for each in found)
        sys.stdout.write(f"{counted(len(found), 'session')}, {size(total)}\n")

    def show(self) -> None:
        """Print all that is known of sessions."""
        for session in self._named():
            each = self._described(session)
            if self.options.json:
                sys.stdout.write(f"{json.dumps(each)}\n")
            else:
                sys.stdout.writelines(f"{key}: {escaped(str(each[key]))}\n" for key in each)

    def delete(self) -> None:
        """Delete sessions, with all that is in their folders."""
        named, used = self._named(), self._used()

        def delete(session: Session) -> str:
            removed = self.removal.delete(session, is_asked=True)
            return f"deleted, {counted(removed.files, 'file')}, {size(removed.bytes)}"

        self._do([(session, delete) for session in named], used)

    def expire(self) -> None:
        """Do what the settings of `McpRetention` say."""
        settings = McpRetention(parent=self)
        if settings.bounds.is_none:
            self.fail("Nothing expires: McpRetention sets no limit.")
        if not self.options.dry_run:
            self.removal.sweep()
        sessions = {session.id: session for session in self.found()}
        used = self._used()
        kept = [self._kept(session, is_used=session.id in used) for session in sessions.values()]
        steps = plan(kept, settings.bounds, now=time.time())
        if self.options.dry_run:
            for step in steps:
                sys.stdout.write(f"{step.id}  would be {DONE[step.action]}: {step.why}\n")
            return

        def doing(action: str, why: str) -> Callable[[Session], str]:
            def do(session: Session) -> str:
                match action:
                    case "archive":
                        self.removal.archive(session, now=time.time())
                    case "delete":
                        self.removal.delete(session)
                    case _:
                        self.removal.drop_snapshots(session)
                return f"{DONE[action]}: {why}"

            return do

        self._do([(sessions[step.id], doing(step.action, step.why)) for step in steps], used)

    def _do(
        self, work: Sequence[tuple[Session, Callable[[Session], str]]], used: dict[str, str]
    ) -> None:
        """Do something to sessions that are not in use, and print for each what was done."""
        refused = False
        for session, do in work:
            why = used.get(session.id, "")
            if not why:
                try:
                    sys.stdout.write(f"{session.id}  {do(session)}\n")
                    continue
                except HeldElsewhere as err:
                    why = f"a server uses it ({err.words})"
                except StillUsed:
                    why = "a server has used or removed it"
                except OSError as err:
                    why = str(err)
            refused = True
            sys.stderr.write(f"{session.id} stays: {why}\n")
        if refused:
            raise SystemExit(REFUSED)

    def _named(self) -> list[Session]:
        known = {session.id: session for session in self.found()}
        missing = [each for each in self.options.ids if each not in known]
        if missing:
            self.fail(f"There is no session {missing[0]} in {self.root}.", REFUSED)
        return [known[each] for each in self.options.ids]

    def _used(self) -> dict[str, str]:
        """What uses sessions, as far as other sessions and running servers tell."""
        used = {}
        for session in asyncio.run(self.store.all()):
            if session.record.archived:
                continue
            for path in (session.path, session.cwd):
                if (inside := self._session_at(path)) != session.id:
                    used[inside] = f"the session {session.id} works in its folder"
        try:
            for path in paths_in_use(self.root):
                used[self._session_at(path)] = "a person or an agent works with its notebook"
        except Unknown as err:
            self.fail(f"{err} Stop it first, or have it expire sessions itself.")
        return used

    def _session_at(self, path: str) -> str:
        above = self.store.layout.sessions_around(path)
        return path[len(above) :].partition("/")[0] if path.startswith(above) else ""

    def _kept(self, session: Session, *, is_used: bool) -> Kept:
        weight = self.removal.weight(session)
        archived = session.record.archived
        changed = self.removal.changed(session) if archived else 0.0
        return Kept(
            id=session.id,
            owner=session.owner,
            last_used=session.last_used,
            archived=archived_at(archived, changed, now=time.time()),
            bytes=weight.bytes,
            snapshots=weight.snapshots,
            is_used=is_used or bool(self.store.holder(session)),
        )

    def _described(self, session: Session) -> dict[str, Any]:
        weight, holder = self.removal.weight(session), self.store.holder(session)
        state = "archived" if session.record.archived else "in use" if holder else "at rest"
        return {
            "id": session.id,
            "name": session.name,
            "owner": session.owner,
            "client": session.client,
            "state": state,
            "holder": holder,
            "created": session.record.created,
            "last_used": session.last_used,
            "bytes": weight.bytes,
            "snapshot_bytes": weight.snapshots,
            "kernel_name": session.kernel_name,
            "notebook": session.notebook,
        }


async def _no_room(_: str) -> None:
    """No notebook is open in a room of this process."""


def parser() -> ArgumentParser:
    """The options of the command."""
    command = ArgumentParser(
        prog="jupyter mcp sessions",
        description="Lists, shows, deletes and expires the sessions on disk.",
    )
    common = ArgumentParser(add_help=False)
    common.add_argument("--root-dir", help="the folder that is served, in place of the current one")
    common.add_argument("--key-file", help="the server's key, in place of McpApp.key_file")
    common.add_argument("--user", help="only sessions of this user")
    common.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(prog=command.prog)
    parts = command.add_subparsers(required=True, metavar="list|show|delete|expire")
    for name, run, words in (
        ("list", Sessions.list_all, "Lists sessions."),
        ("show", Sessions.show, "Shows all that is known of sessions."),
        ("delete", Sessions.delete, "Deletes sessions with all files in their folders."),
        ("expire", Sessions.expire, "Does what the settings of McpRetention say, once."),
    ):
        part = parts.add_parser(name, parents=[common], description=words)
        if name in ("show", "delete"):
            part.add_argument("ids", nargs="+", metavar="ID")
        if name == "expire":
            part.add_argument("--dry-run", action="store_true", help="only say what would be done")
        part.set_defaults(run=run)
    return command
