"use strict";
// The configuration of each client can be copied; without this it is selected by hand.

function addCopyButtons() {
  if (!navigator.clipboard) return;
  for (const code of document.querySelectorAll(".snippet pre")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.querySelector("code").textContent);
      button.textContent = "Copied";
    });
    code.before(button);
  }
}

addCopyButtons();
