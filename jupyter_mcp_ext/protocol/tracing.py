"""A span of OpenTelemetry for each execution, a child of the call's that the SDK makes.

Where the server's operator configures no tracing, OpenTelemetry's API makes none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import StatusCode, get_tracer

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from jupyter_mcp_ext.executions.execution import Execution

_tracer = get_tracer("jupyter-mcp-ext")


def trace(execution: Execution) -> None:
    """Have a span until the execution ends, which may be long after its call was answered.

    It begins now, in the context of the call. It has no code and no outputs.
    """
    span = _tracer.start_span(f"execute {execution.kernel_name}")
    if not span.is_recording():
        return
    span.set_attributes(
        {
            "jupyter.execution.id": execution.id,
            "jupyter.session.id": execution.session_id,
            "jupyter.kernel.name": execution.kernel_name,
        }
    )
    execution.done.add_done_callback(lambda _: _end(span, execution))


def _end(span: Span, execution: Execution) -> None:
    if execution.began is not None:
        span.add_event("began", timestamp=_nanoseconds(execution.began))
    span.set_attribute("jupyter.execution.status", execution.status)
    if execution.status != "ok":
        span.set_status(StatusCode.ERROR)
    span.end()


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
