"""An agent of pydantic-ai's."""

from __future__ import annotations

import asyncio
import os

from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


async def main() -> None:
    headers = {"Authorization": f"Bearer {os.environ['JUPYTER_TOKEN']}"}
    tools = MCPToolset(os.environ["SERVER"], headers=headers)
    provider = OpenAIProvider(base_url=f"{os.environ['MODEL']}/v1", api_key="none")
    agent = Agent(OpenAIChatModel("mock", provider=provider), toolsets=[tools])
    answer = await agent.run("Show what the server can do.")
    print(answer.output)


asyncio.run(main())
