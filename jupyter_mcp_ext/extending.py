"""What packages with tools of their own import. All other modules may change at any time.

A tool is a function with the decorator `tool` and an entry point of its name in the group
``jupyter_mcp_ext.tools``; docs/extending.md has an example. The names here stay as they are until
the next major version of this package.
"""

from __future__ import annotations

from .errors import ToolError
from .tools.extra.calls import Call, Ran
from .tools.extra.definition import tool
from .tools.extra.results import Image

__all__ = ["Call", "Image", "Ran", "ToolError", "tool"]
