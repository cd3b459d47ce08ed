import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { options, play, url } from "./asking.mjs";

const client = new Client({ name: "sdk-1", version: "1" });
await client.connect(new StreamableHTTPClientTransport(url, options));
await play(client);
