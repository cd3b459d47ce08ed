"""Turns a Jupyter server into an MCP server at ``<base_url>/mcp``, in-process."""

from .version import __version__ as __version__


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    """Tell Jupyter Server where the extension is; the import is late because this is its seam."""
    from .app import McpApp

    return [{"module": "jupyter_mcp_ext", "app": McpApp}]
