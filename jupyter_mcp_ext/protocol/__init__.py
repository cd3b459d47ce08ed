"""The MCP server object, and how long calls become tasks of the protocol."""
