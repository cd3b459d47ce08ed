"""An agent of the OpenAI Agents SDK."""

from __future__ import annotations

import asyncio
import os

from agents import Agent, OpenAIResponsesModel, Runner, set_tracing_disabled
from agents.mcp import MCPServerStreamableHttp
from openai import AsyncOpenAI


async def main() -> None:
    set_tracing_disabled(True)
    headers = {"Authorization": f"Bearer {os.environ['JUPYTER_TOKEN']}"}
    async with MCPServerStreamableHttp(
        params={"url": os.environ["SERVER"], "headers": headers, "timeout": 300},
        client_session_timeout_seconds=300,
    ) as server:
        client = AsyncOpenAI(base_url=f"{os.environ['MODEL']}/v1", api_key="none")
        model = OpenAIResponsesModel("mock", client)
        agent = Agent(name="agent", mcp_servers=[server], model=model)
        answer = await Runner.run(agent, "Show what the server can do.", max_turns=40)
        print(answer.final_output)


asyncio.run(main())
