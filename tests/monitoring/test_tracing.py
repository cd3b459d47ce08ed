"""OpenTelemetry, configured as the documentation says: an execution is a part of its call."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.mcp_client import NEW, OLD, McpClient
from tests.monitoring.spans import FILE
from tests.servers import JupyterServer
from tests.snippets import block_of

COLLECTOR = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


@pytest.fixture(scope="module")
def traced(
    start_server: Callable[..., JupyterServer], tmp_path_factory: pytest.TempPathFactory
) -> tuple[JupyterServer, Path]:
    """A server, and the file with its spans."""
    folder = tmp_path_factory.mktemp("traced")
    example = block_of("operations", "TracerProvider").text
    assert COLLECTOR in example
    # At once, and into a file.
    example = example.replace("BatchSpanProcessor", "SimpleSpanProcessor")
    (folder / "config.py").write_text(example.replace(COLLECTOR, "tests.monitoring.spans"))
    spans = folder / "spans.jsonl"
    server = start_server(f"--config={folder / 'config.py'}", env={FILE: str(spans)})
    return server, spans


def read(file: Path) -> list[dict[str, Any]]:
    """The spans so far."""
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize("version", [NEW, OLD])
def test_an_execution_is_a_child_of_its_call(
    traced: tuple[JupyterServer, Path], version: str
) -> None:
    server, file = traced
    client = McpClient(server, version, name=version)

    ran = client.run("secret = 1 / 0")

    spans = read(file)
    assert "secret" not in file.read_text()
    [span] = [one for one in spans if one["attributes"].get("jupyter.execution.id") == ran.id]
    [call] = [one for one in spans if one["context"]["span_id"] == span["parent_id"]]
    assert call["name"] == "tools/call execute_code"
    assert span["context"]["trace_id"] == call["context"]["trace_id"]
    assert span["name"] == "execute python3"
    assert span["attributes"]["jupyter.execution.status"] == "error"
    assert span["status"]["status_code"] == "ERROR"
    [began] = span["events"]
    assert span["start_time"] <= began["timestamp"] <= span["end_time"]


def test_code_that_outlives_its_call_ends_its_span_when_it_ends(
    traced: tuple[JupyterServer, Path],
) -> None:
    server, file = traced
    client = McpClient(server, NEW, name="long")

    begun = client.begin("import time\nprint('begun', flush=True)\ntime.sleep(600)")
    before = file.read_text()
    client.call("interrupt_kernel", execution_id=begun.id)

    assert begun.id not in before
    [span] = [
        one for one in read(file) if one["attributes"].get("jupyter.execution.id") == begun.id
    ]
    assert span["attributes"]["jupyter.execution.status"] == "interrupted"


def test_a_trace_that_the_client_sends_goes_on(traced: tuple[JupyterServer, Path]) -> None:
    server, file = traced
    client = McpClient(server, NEW, name="tracing")
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"

    client.request(
        "tools/call",
        name="execute_code",
        arguments={"code": "1"},
        _meta={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"},
    )

    names = {one["name"] for one in read(file) if one["context"]["trace_id"] == f"0x{trace_id}"}
    assert names == {"tools/call execute_code", "execute python3"}
