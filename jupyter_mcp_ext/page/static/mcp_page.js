"use strict";
// The page is whole without this: here it refreshes itself.

const TICK = 1000;
const PAUSE = 3000;
const TOO_MANY = 204;

function ago(seconds) {
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86400)} d ago`;
}

function tick(root = document) {
  for (const time of root.querySelectorAll("time")) {
    const words = ago((Date.now() - skew - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== words) time.textContent = words;
  }
}

// The server's clock may differ from this machine's.
let skew = 0;

function show(html, date) {
  if (date) skew = Date.now() - Date.parse(date);
  const page = new DOMParser().parseFromString(html, "text/html");
  const focused = document.activeElement?.id;
  const open = [...document.querySelectorAll("[data-part] details[open]")].map(({ id }) => id);
  // Each answer has the secret of forms in another form, or a new one.
  const secret = page.querySelector("[name=_xsrf]").value;
  for (const input of document.querySelectorAll("[name=_xsrf]")) input.setAttribute("value", secret);
  for (const part of document.querySelectorAll("[data-part]")) {
    const now = page.getElementById(part.id);
    if (now === null || selects(part)) continue;
    for (const id of open) now.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
    tick(now);
    if (now.innerHTML !== part.innerHTML) part.replaceChildren(...now.childNodes);
  }
  if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus();
}

// What a person has selected, to copy it, stays as it is.
function selects(part) {
  const selection = getSelection();
  return selection !== null && !selection.isCollapsed && part.contains(selection.anchorNode);
}

// JupyterHub wants the secret of forms for everything that a script asks for.
function get(path) {
  const secret = document.querySelector("[name=_xsrf]").value;
  return fetch(path, { headers: { "X-XSRFToken": secret }, redirect: "error" });
}

let looking = false;
let again = false;

async function look() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    const answer = await get(location.pathname);
    if (answer.ok) show(await answer.text(), answer.headers.get("Date"));
  } catch {
    // The server is away: `listen` tells when it is back.
  } finally {
    looking = false;
    if (again) {
      again = false;
      look();
    }
  }
}

async function listen() {
  const news = `${location.pathname.replace(/\/$/, "")}/news`;
  for (;;) {
    try {
      const answer = await get(news);
      if (answer.status === TOO_MANY) return;
      const reader = answer.body.getReader();
      while (answer.ok && !(await reader.read()).done) look();
    } catch {
      // The server is away, or its login has ended.
    }
    await new Promise((done) => setTimeout(done, PAUSE));
  }
}

async function send(event) {
  const form = event.target;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form));
  // To follow the redirection would be a request without the secret.
  const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
  if (answer.type === "opaqueredirect") {
    look();
    return;
  }
  const html = await answer.text();
  const said = new DOMParser().parseFromString(html, "text/html").querySelector("[role=alert]");
  if (said) document.getElementById("state").prepend(said);
}

document.addEventListener("submit", send);
document.getElementById("refresh").addEventListener("click", (event) => {
  event.preventDefault();
  look();
});
setInterval(() => tick(), TICK);
listen();
