"""``jupyter mcp audit``: checks and shows the audit file, also while a server writes it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import NoReturn

from jupyter_mcp_ext.governance.keys import Keys
from jupyter_mcp_ext.governance.trail import head as heads
from jupyter_mcp_ext.governance.trail.check import check
from jupyter_mcp_ext.governance.trail.head import ForgedHead, Head
from jupyter_mcp_ext.governance.trail.reading import files_of
from jupyter_mcp_ext.governance.trail.selection import (
    NoTime,
    Selection,
    as_json,
    selected,
    time_of,
    words,
)
from jupyter_mcp_ext.governance.trail.trail import McpAudit
from jupyter_mcp_ext.wording import counted

from .command import UNUSABLE, Command

BROKEN = 1
"""Exit status if the audit is not as it was written."""


class Audit(Command):
    """Checks and shows the audit file of a server."""

    name = "jupyter-mcp-audit"
    classes = [McpAudit]  # noqa: RUF012  # traitlets reads it from the class

    def parser(self) -> ArgumentParser:
        """See `Command`."""
        return parser()

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """See `Command`."""
        super().parse_command_line(argv)
        given = {"path": self.options.path, "head_path": self.options.head}
        self.config.McpAudit.update({name: value for name, value in given.items() if value})

    def prepare(self) -> None:
        """See `Command`."""
        self.audit = McpAudit(key=self._key, parent=self)
        if not self.audit.is_on:
            self.fail("No audit file is configured: set McpAudit.path, or name the file.")
        if not files_of(self.audit.file):
            self.fail(f"There is no audit file {self.audit.file}.")

    def _key(self, purpose: str) -> bytes:
        return Keys(self.key_file, self.log).derive(purpose)

    def verify(self) -> None:
        """Say whether each record is as it was written, or name the first that is not."""
        head = (lambda: None) if self.options.no_head else self._head
        found = check(self.audit.file, self.audit.signer, head)
        if found.broken is not None:
            self.end_broken(found.broken.words)
        many = counted(found.records, "record"), counted(found.files, "file")
        sys.stdout.write(
            f"{many[0]} in {many[1]}, up to number {found.last.number}, as they were written.\n"
        )

    def show(self) -> None:
        """Print records, each in a line."""
        options = self.options
        wanted = Selection(
            user=options.user, session=options.session, tool=options.tool, since=self._since()
        )
        shown, odd = as_json if options.json else words, 0
        for record in selected(self.audit.file, wanted):
            if record is None:
                odd += 1
            else:
                sys.stdout.write(f"{shown(record)}\n")
        if odd:
            sys.stderr.write(f"{counted(odd, 'line')} without a record: verify says more.\n")

    def _since(self) -> float:
        try:
            return time_of(self.options.since) if self.options.since else 0.0
        except NoTime as err:
            self.fail(f"--since: {err}.")

    def _head(self) -> Head:
        path = self.audit.head
        try:
            head = heads.read(path, self.audit.signer)
        except ForgedHead:
            self.end_broken(f"{path}: the head is altered, forged, or written with another key")
        if head is None:
            self.end_broken(
                f"{path}: the head is missing, so the end of the audit may be too. --head names "
                "another file, and --no-head goes on without one"
            )
        return head

    def end_broken(self, words: str) -> NoReturn:
        """End with what is wrong."""
        sys.stdout.write(f"{words}.\n")
        raise SystemExit(BROKEN)


def parser() -> ArgumentParser:
    """The options of the command."""
    command = ArgumentParser(
        prog="jupyter mcp audit", description="Checks and shows the audit file of a server."
    )
    common = ArgumentParser(add_help=False)
    common.add_argument("path", nargs="?", help="the audit file, in place of McpAudit.path")
    common.add_argument("--head", help="the file with its head, in place of McpAudit.head_path")
    common.add_argument("--key-file", help="the server's key, in place of McpApp.key_file")
    command.set_defaults(prog=command.prog)
    parts = command.add_subparsers(required=True, metavar="verify|show")
    verify = parts.add_parser(
        "verify",
        parents=[common],
        description="Checks each record, and names the first that was changed, left out, moved, "
        f"forged or cut off. It ends with {BROKEN} then, and with {UNUSABLE} if it cannot check.",
    )
    verify.add_argument("--no-head", action="store_true", help="the end may be missing")
    verify.set_defaults(run=Audit.verify)
    show = parts.add_parser("show", parents=[common], description="Prints records.")
    show.add_argument("--user", default="", help="calls of this user, and the user's sessions")
    show.add_argument("--session", default="", help="what was done in the session of this id")
    show.add_argument("--tool", default="", help="calls of this tool")
    show.add_argument("--since", default="", help="30m, 2h, 7d, or 2026-11-26T15:00")
    show.add_argument("--json", action="store_true", help="each record as JSON")
    show.set_defaults(run=Audit.show)
    return command
