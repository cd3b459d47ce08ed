"""The client of fastmcp."""

from __future__ import annotations

import asyncio
import os

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from tests.agents.scripts.asking import Asking


async def main() -> None:
    headers = {"Authorization": f"Bearer {os.environ['JUPYTER_TOKEN']}"}
    async with Client(StreamableHttpTransport(os.environ["SERVER"], headers=headers)) as client:
        names = [tool.name for tool in await client.list_tools()]
        asking = Asking(names, client.instructions)
        while call := await asyncio.to_thread(asking.next):
            result = await client.call_tool(call["tool"], call["arguments"])
            blocks = [block.model_dump(mode="json", by_alias=True) for block in result.content]
            asking.results.append(blocks)


asyncio.run(main())
