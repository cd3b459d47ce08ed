"use strict";
// The configuration of each client can be copied; without this it is selected by hand.

// Browsers give pages the clipboard over HTTPS and on this machine only. Elsewhere the text is
// selected, for the person to copy it.
async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    return "Selected: press Ctrl+C or ⌘C";
  }
}

function addCopyButtons() {
  for (const code of document.querySelectorAll(".snippet pre")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      button.textContent = await copy(code.querySelector("code"));
    });
    code.before(button);
  }
}

addCopyButtons();
