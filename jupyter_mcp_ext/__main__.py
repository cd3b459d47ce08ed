"""``python -m jupyter_mcp_ext``."""

from .entry import main

main()
