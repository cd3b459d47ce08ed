"""A client that starts a program, which is mcp-remote: the official SDK over stdio."""

from __future__ import annotations

import asyncio
import os

from mcp.client.session import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.agents.scripts.asking import Asking


async def main() -> None:
    header = f"Authorization: Bearer {os.environ['JUPYTER_TOKEN']}"
    arguments = [os.environ["SERVER"], "--header", header, "--transport", "http-only"]
    program = StdioServerParameters(command="mcp-remote", args=arguments, env=dict(os.environ))
    async with stdio_client(program) as streams, ClientSession(*streams) as session:
        answer = await session.initialize()
        names = [tool.name for tool in (await session.list_tools()).tools]
        asking = Asking(names, answer.instructions)
        while call := await asyncio.to_thread(asking.next):
            result = await session.call_tool(call["tool"], call["arguments"])
            blocks = [block.model_dump(mode="json", by_alias=True) for block in result.content]
            asking.results.append(blocks)


asyncio.run(main())
