import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { options, play, url } from "./asking.mjs";

const client = new Client(
  { name: "sdk-2", version: "1" },
  { versionNegotiation: { mode: "auto" } },
);
await client.connect(new StreamableHTTPClientTransport(url, options));
await play(client);
