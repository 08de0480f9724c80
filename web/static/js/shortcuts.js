// Keys that act from anywhere on the page. Which they are stands in the dialog that lists them.

import { anyOpen } from "./dialogs.js";

const PROCESS_KEY = 229; // an input method is at work
const NAMES = { Slash: "/" };

// `actions`: name -> what to do. `single`: whether keys without Ctrl count, outside fields only.
export function enableShortcuts(dialog, actions, single) {
  const byKeys = new Map();
  const bySingle = new Map();
  for (const row of dialog.querySelectorAll("[data-action]")) {
    byKeys.set(row.dataset.keys, row.dataset.action);
    if (row.dataset.single) bySingle.set(row.dataset.single, row.dataset.action);
  }
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === PROCESS_KEY || event.altKey || anyOpen()) return;
    const control = event.ctrlKey || event.metaKey;
    const name = control ? byKeys.get(combination(event)) : single && !writing(event) && bySingle.get(plain(event));
    if (!name || !actions[name]) return;
    event.preventDefault();
    actions[name]();
  });
}

// By the place of the key: on a Korean keyboard the letter of KeyO reads as a vowel.
function combination(event) {
  return `ctrl+${event.shiftKey ? "shift+" : ""}${place(event)}`;
}

function plain(event) {
  if (event.key === "?") return "?";
  return event.shiftKey ? "" : place(event);
}

function place(event) {
  return NAMES[event.code] ?? event.code.replace(/^Key/, "").toLowerCase();
}

function writing(event) {
  return event.target.closest?.("input, textarea, select, [contenteditable]") !== null;
}
