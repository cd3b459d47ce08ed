"""An agent of LangChain's, with the tools that its adapters make."""

from __future__ import annotations

import asyncio
import os

from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_openai import ChatOpenAI


async def main() -> None:
    # The adapters connect for each call: without the second header each has a session of its own.
    headers = {
        "Authorization": f"Bearer {os.environ['JUPYTER_TOKEN']}",
        "Jupyter-Session": "analysis",
    }
    server = {"transport": "streamable_http", "url": os.environ["SERVER"], "headers": headers}
    tools = await MultiServerMCPClient({"jupyter": server}).get_tools()
    model = ChatOpenAI(model="mock", base_url=f"{os.environ['MODEL']}/v1", api_key="none")
    asked = {"messages": [("user", "Show what the server can do.")]}
    answer = await create_agent(model, tools).ainvoke(asked, {"recursion_limit": 80})
    print(answer["messages"][-1].content)


asyncio.run(main())
