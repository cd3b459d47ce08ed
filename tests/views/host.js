// A host of MCP Apps as the reference host is one: its bridge around a sandbox on another origin.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";

const UI = { "io.modelcontextprotocol/ui": { mimeTypes: ["text/html;profile=mcp-app"] } };
const INFO = { name: "apps-host", version: "1" };
const COLOURS = {
  light: { "--color-text-primary": "#111", "--color-background-primary": "#fff" },
  dark: { "--color-text-primary": "#eee", "--color-background-primary": "#1a1a1a" },
};

let client, bridge;
window.asked = [];
window.sizes = [];

window.connect = async (declares = true) => {
  client = new Client(INFO, { capabilities: declares ? { extensions: UI } : {} });
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", location.href)));
};

window.tools = async () => (await client.listTools()).tools;
window.call = (name, args) => client.callTool({ name, arguments: args });
window.read = async uri => (await client.readResource({ uri })).contents[0];

/** What a view is told of the host; its page has the same colours. */
function context({ theme = "light", ...more }) {
  document.documentElement.style.background = COLOURS[theme]["--color-background-primary"];
  return { theme, styles: { variables: { "--font-sans": "serif", ...COLOURS[theme] } }, ...more };
}

window.change = async given => {
  if (given.width !== undefined) document.querySelector("iframe").style.width = `${given.width}px`;
  else bridge.setHostContext({ ...bridge._hostContext, ...(given.theme ? context(given) : given) });
};

/** Load the sandbox, whose policy is made from what the view declares. */
async function sandboxed(ui, isWritten) {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts allow-same-origin allow-forms";
  frame.style = `width: ${window.wide ?? 760}px; height: 0; border: 0; display: block`;
  const url = new URL(window.sandbox);
  url.searchParams.set("csp", JSON.stringify(ui?.csp ?? {}));
  if (isWritten) url.searchParams.set("written", "");
  const ready = new Promise(done => {
    const listen = ({ source, data }) => {
      if (source !== frame.contentWindow) return;
      if (data?.method !== "ui/notifications/sandbox-proxy-ready") return;
      removeEventListener("message", listen);
      done();
    };
    addEventListener("message", listen);
  });
  frame.src = url;
  document.body.append(frame);
  await ready;
  return frame;
}

/** Call a tool and show its view; gives the result, as the model gets it. */
window.show = async (name, args, { reads = true, isWritten = false, ...given } = {}) => {
  const tool = (await window.tools()).find(tool => tool.name === name);
  const result = await window.call(name, args);
  await window.open_(tool._meta.ui.resourceUri, args, result, { reads, isWritten, ...given });
  return result;
};

window.open_ = async (uri, args, result, { reads, isWritten, ...given }) => {
  const view = await window.read(uri);
  await window.leave();
  const frame = await sandboxed(view._meta?.ui, isWritten);
  const can = { openLinks: {}, serverTools: {}, message: { text: {} } };
  bridge = new AppBridge(client, INFO, reads ? { ...can, serverResources: {} } : can, {
    hostContext: {
      ...context(given), displayMode: "inline", availableDisplayModes: ["inline", "fullscreen"],
      containerDimensions: { maxHeight: 6000 }, platform: "web",
    },
  });
  for (const event of ["calltool", "message", "openlink"])
    bridge[`on${event}`] = async params => { window.asked.push([event, params]); return { content: [] }; };
  bridge.onsizechange = ({ height }) => {
    window.sizes.push(height);
    if (frame.style.position !== "fixed") frame.style.height = `${height}px`;
  };
  bridge.onrequestdisplaymode = async ({ mode }) => { window.display(mode); return { mode }; };
  const ready = new Promise((done, fail) => {
    bridge.oninitialized = done;
    setTimeout(fail, 20_000, new Error("The view has not started."));
  });
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  await bridge.sendSandboxResourceReady({ html: view.text, ...view._meta?.ui });
  await ready;
  await bridge.sendToolInput({ arguments: args });
  await bridge.sendToolResult(result);
};

/** Show the view in the whole window, or in its place again. */
window.display = mode => {
  const frame = document.querySelector("iframe");
  const isFull = mode === "fullscreen";
  frame.style.position = isFull ? "fixed" : "";
  frame.style.inset = isFull ? "0" : "";
  frame.style.width = isFull ? "100vw" : "760px";
  frame.style.height = isFull ? "100vh" : `${window.sizes.at(-1)}px`;
  const containerDimensions = isFull ? { height: innerHeight } : { maxHeight: 6000 };
  window.change({ displayMode: isFull ? "fullscreen" : "inline", containerDimensions });
};

/** Until what the view has sent so far has come: its messages keep their order. */
window.heard = () => new Promise(done => {
  const { contentWindow } = document.querySelector("iframe"), id = crypto.randomUUID();
  const listen = ({ source, data }) => {
    if (source !== contentWindow || data?.id !== id) return;
    removeEventListener("message", listen);
    done();
  };
  addEventListener("message", listen);
  contentWindow.postMessage({ jsonrpc: "2.0", id, method: "ping" }, "*");
});

/** Take the view away, once it has agreed or is too late; gives what it answered. */
window.leave = async (timeout = 30_000) => {
  const answer = bridge && await bridge.teardownResource({}, { timeout }).catch(String);
  await bridge?.close();
  bridge = undefined;
  document.querySelector("iframe")?.remove();
  window.sizes = [];
  return answer;
};
window.ready = true;
