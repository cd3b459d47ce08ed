"""``python -m jupyter_mcp_ext``."""

from .cli import main

main()
