// Outputs that are no data: pages of HTML, without scripts, and what lives with its kernel.

const WIDGET = "application/vnd.jupyter.widget-view+json";
const MAX_HEIGHT = 600;
const UNWANTED = "script, meta, base, link, iframe, frame, object, embed, form, noscript";

/** Why an output lives elsewhere only; empty for all others. */
function live(data) {
  if (data[WIDGET] !== undefined)
    return "This is a widget, which works with its kernel: in JupyterLab, not here.";
  const isBokeh = Object.keys(data).some(type => /^application\/vnd\.(bokehjs|holoviews)_/.test(type));
  const source = text(data["text/html"] ?? "");
  if (isBokeh || /<script\b/i.test(source) && !/<table\b/i.test(source))
    return "This output is a page with scripts, and a view runs none of them. Open it in JupyterLab.";
  if (/<iframe\b/i.test(source) && !/<table\b/i.test(source))
    return "This output is a page in a frame, such as a map. Open it in JupyterLab.";
  return "";
}

/** HTML as its author has made it, in a frame that runs no script but one of this page's own. */
function page(section, parsed) {
  for (const one of parsed.querySelectorAll(UNWANTED)) one.remove();
  if (!parsed.body.textContent.trim() && !parsed.querySelector("img, svg")) return false;
  const nonce = crypto.randomUUID(), inside = element("iframe");
  const policy = "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; "
    + `script-src 'nonce-${nonce}'; form-action 'none'; base-uri 'none'`;
  inside.sandbox = "allow-scripts";
  inside.title = "HTML of the output";
  inside.srcdoc = `<!doctype html><meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <script nonce="${nonce}">
      const tell = () => parent.postMessage({ height: document.documentElement.offsetHeight }, "*");
      addEventListener("load", () => new ResizeObserver(tell).observe(document.documentElement));
      addEventListener("click", event => event.target.closest("a") && event.preventDefault(), true);
    <\/script>
    <style>html { font: 13px/1.45 system-ui, sans-serif; } body { margin: 0; padding: 8px; }</style>
    ${parsed.documentElement.innerHTML}`;
  addEventListener("message", ({ source, data }) => {
    if (source !== inside.contentWindow || !(data?.height >= 0)) return;
    inside.style.height = `${Math.min(Math.ceil(data.height), MAX_HEIGHT)}px`;
    fit();
  });
  section.append(inside);
  return true;
}
