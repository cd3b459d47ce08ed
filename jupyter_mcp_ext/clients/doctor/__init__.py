"""``jupyter mcp doctor``: what is wrong between a client and MCP, and what to do about it.

A check looks at one thing, within a bounded time, with what earlier checks have found. Nothing
that it starts on the server is left there.
"""
