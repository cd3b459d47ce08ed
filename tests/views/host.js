// A host of MCP Apps: the reference implementation's bridge around a sandboxed frame.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";

const UI = { "io.modelcontextprotocol/ui": { mimeTypes: ["text/html;profile=mcp-app"] } };
const INFO = { name: "apps-host", version: "1" };

/** The policy that the specification says for a view that declares no domains. */
function policy({ connectDomains = [], resourceDomains = [], frameDomains = [] } = {}) {
  const of = domains => domains.join(" ") || "'none'";
  const more = resourceDomains.join(" ");
  return [
    "default-src 'none'", `script-src 'unsafe-inline' ${more}`, `style-src 'unsafe-inline' ${more}`,
    `img-src data: ${more}`, `font-src data: ${more}`, `connect-src ${of(connectDomains)}`,
    `frame-src ${of(frameDomains)}`, "base-uri 'none'", "form-action 'none'",
  ].join("; ");
}

let client;
window.asked = [];

window.connect = async (declares = true) => {
  client = new Client(INFO, { capabilities: declares ? { extensions: UI } : {} });
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", location.href)));
};

window.tools = async () => (await client.listTools()).tools;
window.call = (name, args) => client.callTool({ name, arguments: args });
window.read = async uri => (await client.readResource({ uri })).contents[0];

/** Call a tool and show its view; gives the result, as the model gets it. */
window.show = async (name, args, { reads = true, theme = "light" } = {}) => {
  const tool = (await window.tools()).find(tool => tool.name === name);
  const result = await window.call(name, args);
  const view = await window.read(tool._meta.ui.resourceUri);
  document.querySelector("iframe")?.remove();
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.style = "width: 760px; height: 0; border: 0";
  document.body.append(frame);
  const can = { openLinks: {}, serverTools: {}, message: { text: {} } };
  const bridge = new AppBridge(client, INFO, reads ? { ...can, serverResources: {} } : can,
    { hostContext: { theme, styles: { variables: { "--font-sans": "serif" } } } });
  for (const event of ["calltool", "message", "openlink"])
    bridge[`on${event}`] = async params => { window.asked.push([event, params]); return { content: [] }; };
  bridge.onsizechange = ({ height }) => { frame.style.height = `${height}px`; };
  const ready = new Promise(done => { bridge.oninitialized = done; });
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  const head = `<meta http-equiv="Content-Security-Policy" content="${policy(view._meta?.ui?.csp)}">`;
  frame.srcdoc = view.text.replace("<head>", `<head>${head}`);
  await ready;
  await bridge.sendToolInput({ arguments: args });
  await bridge.sendToolResult(result);
  return result;
};
window.ready = true;
