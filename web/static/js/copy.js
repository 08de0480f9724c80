// Copying an answer, a code block, or a field shown once.

import { say, words } from "./status.js";

const DONE_MS = 1600;

// Gives every code block under `root` its button.
export function addCodeButtons(root) {
  const heads = root.matches?.(".code") ? [root.firstElementChild] : root.querySelectorAll(".code > .code-head");
  for (const head of heads) {
    if (head.querySelector("button")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = words.copyCode;
    button.dataset.copyCode = "";
    head.append(button);
  }
}

export function enableCopying() {
  for (const button of document.querySelectorAll("[data-copy-message], [data-copy]")) button.hidden = false;
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy-message], [data-copy-code], [data-copy]");
    if (button) copy(button, textFor(button));
  });
}

function textFor(button) {
  if (button.dataset.copy) return document.getElementById(button.dataset.copy).textContent;
  if (button.dataset.copyCode !== undefined) return button.closest(".code").querySelector("code").textContent;
  return textOf(button.closest("article").querySelector("[data-body]")).trim();
}

// The words of an answer, without the heads of its code blocks.
function textOf(body) {
  const parts = [];
  for (const block of body.children) {
    const source = block.classList.contains("code") ? block.querySelector("code") : block;
    parts.push(source.innerText);
  }
  return parts.join("\n\n");
}

async function copy(button, text) {
  const label = button.querySelector("span") ?? button;
  const before = label.textContent;
  const told = { ...words, ...button.dataset };
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    say(told.copyFailed);
    label.textContent = told.copyFailed;
    return;
  }
  say(told.copied);
  if (before === told.copied) return;
  label.textContent = told.copied;
  setTimeout(() => (label.textContent = before), DONE_MS);
}
