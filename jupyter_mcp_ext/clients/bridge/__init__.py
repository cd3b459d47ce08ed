"""MCP over stdio to a running server: its messages are passed on as they are.

The relay works on JSON-RPC messages and not with the SDK's server and client: both would have to
know each part of each protocol version that passes through, and their import takes five times as
long as all of this.
"""
