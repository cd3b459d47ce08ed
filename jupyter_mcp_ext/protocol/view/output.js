"use strict";
// Shows the outputs of one execution. The host gives the result of the tool; the outputs are read
// through the host. All that comes from a kernel is data here: it is never HTML or script of this
// page, which could act through the host with the rights of the user.

const PROTOCOL = "2026-01-26";
const MAX_OUTPUTS = 50;
const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const main = document.querySelector("main");
const waiting = new Map();
let number = 0, canRead = false, canOpen = false;

const send = message => parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
const ask = (method, params) => new Promise((done, fail) => {
  waiting.set(++number, { done, fail });
  send({ id: number, method, params });
});

addEventListener("message", ({ source, data }) => {
  if (source !== parent || data?.jsonrpc !== "2.0") return;
  if (data.method === undefined) {
    const one = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.error) one?.fail(new Error(String(data.error.message)));
    else one?.done(data.result);
  } else if (data.id !== undefined) {
    const known = ["ping", "ui/resource-teardown"].includes(data.method);
    send(known ? { id: data.id, result: {} }
      : { id: data.id, error: { code: -32601, message: "This view does not know it." } });
  } else if (data.method === "ui/notifications/tool-result") {
    show(data.params ?? {});
  } else if (data.method === "ui/notifications/host-context-changed") {
    style(data.params ?? {});
  }
});

// What a link of a kernel leads to is the host's to open, and the person's to allow.
addEventListener("click", event => {
  const link = event.composedPath().find(one => one.localName === "a");
  if (!link) return;
  event.preventDefault();
  if (event.isTrusted) follow(link.getAttribute("href") ?? link.getAttribute("xlink:href"));
}, true);

function follow(url) {
  if (canOpen && /^https?:/i.test(url ?? "")) ask("ui/open-link", { url }).catch(() => {});
}

// What the policy has kept back is missing in what the person sees.
addEventListener("securitypolicyviolation", ({ blockedURI }) => missing(blockedURI));

function missing(url) {
  if (!/^(https?|wss?):/i.test(url)) return;
  const words = `Parts of this output are at ${new URL(url).host}, and a view reaches no network.`;
  if ([...main.querySelectorAll(".note")].some(note => note.textContent === words)) return;
  main.append(element("p", "note", words));
}

function style({ theme, styles, displayMode, availableDisplayModes }) {
  const root = document.documentElement;
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  for (const [name, value] of Object.entries(styles?.variables ?? {}))
    if (name.startsWith("--") && typeof value === "string") root.style.setProperty(name, value);
  if (Array.isArray(availableDisplayModes))
    root.dataset.widens = availableDisplayModes.includes("fullscreen");
  if (typeof displayMode === "string") root.dataset.mode = displayMode;
  for (const button of document.querySelectorAll(".wide")) name(button);
}

/** A button that gives the view the whole window, where the host has that. */
function widening() {
  const button = element("button", "wide");
  button.addEventListener("click", () => {
    const mode = isWide() ? "inline" : "fullscreen";
    ask("ui/request-display-mode", { mode }).then(answer => style({ displayMode: answer?.mode }), () => {});
  });
  name(button);
  return button;
}

const isWide = () => document.documentElement.dataset.mode === "fullscreen";

function name(button) {
  button.textContent = isWide() ? "Back to the conversation" : "Full screen";
  button.hidden = document.documentElement.dataset.widens !== "true"
    || !main.querySelector(".chart, .rows");
}

async function show(result) {
  const { outputs, notes } = await read(result);
  const sections = [];
  for (const output of outputs.slice(0, MAX_OUTPUTS)) {
    const section = element("section");
    try {
      if (await draw(section, output)) sections.push(section);
    } catch (error) {
      section.replaceChildren(element("p", "note", `This output cannot be shown: ${error.message}`));
      sections.push(section);
    }
  }
  if (outputs.length > MAX_OUTPUTS)
    notes.push(`Shown are the first ${MAX_OUTPUTS} of ${outputs.length} outputs.`);
  main.replaceChildren(...sections, ...notes.map(words => element("p", "note", words)));
  main.append(widening());
  name(main.lastChild);
  document.body.dataset.shown = sections.length;
  fit();
  await painted();
  for (const section of sections) await section.drawn?.();
  if (!main.querySelector(".chart, .rows")) main.querySelector(".wide").remove();
  document.body.dataset.drawn = sections.length;
}

/** Until the person sees what is there: what comes next may take long, or not end. */
const painted = () => new Promise(done => {
  setTimeout(done, 300);  // a frame out of sight is not painted
  requestAnimationFrame(() => setTimeout(done));
});

/** The outputs as nbformat has them, and what is to be said; else the images of the result. */
async function read(result) {
  const id = executionOf(result), notes = [];
  if (id && canRead) {
    try {
      const [cell] = JSON.parse(await resource(`jupyter://executions/${id}`)).cells;
      const dropped = cell.metadata?.jupyter_mcp?.dropped_bytes;
      if (dropped > 0)
        notes.push(`${dropped.toLocaleString("en")} bytes of output are missing: there was more than is kept.`);
      return { outputs: cell.outputs, notes };
    } catch (error) {
      notes.push(`The outputs cannot be shown here: ${/^.*?\.(?= |$)/s.exec(error.message)?.[0] ?? error.message}`);
    }
  }
  const images = (result.content ?? []).filter(block => block.type === "image");
  return { outputs: images.map(({ mimeType, data }) => ({ data: { [mimeType]: data } })), notes };
}

const resource = async uri => (await ask("resources/read", { uri })).contents[0].text;

function executionOf(result) {
  const known = result._meta?.["jupyter-mcp-ext/execution"]?.execution_id;
  const first = (result.content ?? []).find(block => block.type === "text")?.text ?? "";
  const id = known ?? /^\[\w+\] ([a-z0-9]+-\d+)/.exec(first)?.[1];
  return typeof id === "string" && /^[a-z0-9]+-\d+$/.test(id) ? id : null;
}

/** Draw an output into a section; false when its text says all of it. */
async function draw(section, { data }) {
  if (typeof data !== "object" || data === null) return false;
  const vega = vegaOf(data);
  if (data[PLOTLY] !== undefined && await figure(section, data)) return true;
  if (vega && await grammar(section, vega, data)) return true;
  if (picture(section, data)) return true;
  const needed = data[PLOTLY] !== undefined ? "plotly" : vega ? "vl-convert-python" : "";
  const words = needed
    ? `This chart is interactive where ${needed} is installed in the Jupyter server's environment.`
    : live(data);
  if (words) section.append(element("p", "note", words));
  return Boolean(words) || (data["text/html"] !== undefined && html(section, text(data["text/html"])));
}

const text = value => Array.isArray(value) ? value.join("") : String(value);

function element(name, className = "", words = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = words;
  return made;
}

/** The image of an output, if it has one. */
function picture(section, data) {
  const type = IMAGES.find(type => data[type] !== undefined);
  const url = type ? `data:${type};base64,${text(data[type]).replace(/\s/g, "")}`
    : data["image/svg+xml"] !== undefined
      ? `data:image/svg+xml,${encodeURIComponent(text(data["image/svg+xml"]))}` : "";
  if (!url) return false;
  const image = element("img");
  image.alt = "Image of the output";
  image.addEventListener("load", fit);
  image.addEventListener("error", () =>
    image.replaceWith(element("p", "note", "The image of this output cannot be read.")));
  image.src = url;
  section.append(image);
  return true;
}

let last = -1;
function fit() {
  const height = Math.ceil(main.getBoundingClientRect().height);
  if (height === last || isWide()) return;
  last = height;
  send({ method: "ui/notifications/size-changed", params: { height } });
}
new ResizeObserver(fit).observe(main);

ask("ui/initialize", {
  appInfo: { name: "jupyter-output", version: "1" },
  appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
  protocolVersion: PROTOCOL,
}).then(({ hostCapabilities, hostContext }) => {
  canRead = hostCapabilities?.serverResources !== undefined;
  canOpen = hostCapabilities?.openLinks !== undefined;
  style(hostContext ?? {});
  send({ method: "ui/notifications/initialized", params: {} });
});
