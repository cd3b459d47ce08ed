"""What a result says of code that has run, beside its outputs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from jupyter_mcp_ext.advice import notices, payloads
from jupyter_mcp_ext.advice.run import Run
from jupyter_mcp_ext.outputs.numbered import cut_line
from jupyter_mcp_ext.outputs.text import strip

if TYPE_CHECKING:
    from jupyter_mcp_ext.kernels.links.exchange import Content
    from jupyter_mcp_ext.kernels.links.link import KernelInfo

    from .archive import Archive
    from .execution import Execution

MAX_WIDGETS = 5
"""Widgets of other executions that a result tells of."""


class Notices:
    """Adds notices to executions.

    ``installing`` gives the id of an installation of a user that is running, or nothing.
    """

    def __init__(self, archive: Archive, installing: Callable[[str], str]) -> None:
        self._archive = archive
        self._installing = installing

    def take_reply(self, execution: Execution, info: KernelInfo, reply: Content) -> None:
        """Show what the reply has for the person at a notebook, and tell of a shell that ended."""
        # bash_kernel says so only in its output.
        if info.kind.lost_line and execution.fold.last_line == info.kind.lost_line:
            execution.notices.append(
                "the shell ended and was started again: its variables are lost"
            )
        execution.fold.captures.release()
        for payload in payloads.payloads(reply):
            shown = payloads.shown(payload)
            if shown.data:
                content = {"data": shown.data, "metadata": {}}
                self._archive.take(execution, "display_data", content)
            if shown.notice:
                execution.notices.append(shown.notice)

    def add(
        self, execution: Execution, info: KernelInfo, reply: Content, *, source: str = ""
    ) -> None:
        """Add what there is to say of an execution that has ended.

        ``source`` is what ran last, where that is not the execution's own code.
        """
        self._add_widgets(execution)
        run = Run(
            source=source or execution.code,
            status=execution.status,
            language=info.language,
            error=execution.error,
            shown=lambda: execution.outputs,
            asked=notices.values(reply),
            installing=self._installing(execution.owner),
        )
        execution.notices.extend(notices.notices(run))

    def _add_widgets(self, execution: Execution) -> None:
        """Name the widgets that the code has changed and other executions display."""
        for by, model_id in islice(execution.fold.elsewhere(), MAX_WIDGETS):
            if not by:
                execution.notices.append(
                    "output went into an Output widget that is not displayed: display it, or print "
                    "outside of it, to see that"
                )
                continue
            shows = self._archive.get(by)
            if shows is not None:
                self._archive.widgets_changed(shows, execution)
                widgets = execution.fold.widgets
                words = cut_line(" ".join(strip(widgets.words(model_id)).split()), 200)
                bare = "has been closed" if widgets.is_closed(model_id) else "has changed"
                now = f"is now: {words}" if words else bare
                execution.notices.append(f'a widget that get_output("{by}") shows {now}')
