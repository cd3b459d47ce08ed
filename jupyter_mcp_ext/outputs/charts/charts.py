"""Interactive charts in a few lines: what is drawn, the axes and the number of points."""

from __future__ import annotations

import re

from jupyter_mcp_ext.outputs.charts import plotly, scripts, vega
from jupyter_mcp_ext.outputs.model import MimeBundle

_CHART = re.compile(r"application/vnd\.(plotly|vega(?:lite)?|bokeh)[\w.]*(?:\+json)?$")


def chart_type(data: MimeBundle) -> str | None:
    """The MIME type of the chart in this bundle, if there is one."""
    found = [mime_type for mime_type in data if _CHART.match(mime_type)]
    # The script that loads the library has a MIME type as well, with an empty value.
    return next((mime_type for mime_type in found if "load" not in mime_type), None)


def describe(data: MimeBundle, mime_type: str) -> str:
    """A description of the chart with this type."""
    match = _CHART.match(mime_type)
    library = match[1] if match else ""
    if library.startswith("bokeh"):
        script = data.get("application/javascript")
        chart = scripts.find(script) if isinstance(script, str) else None
        return chart.words if chart else "bokeh chart"
    spec = data[mime_type]
    if not isinstance(spec, dict):
        return f"{library} chart"
    return plotly.words(spec) if library == "plotly" else vega.words(spec, library)
