// The one live region, and the page's words for the scripts.

export const words = document.getElementById("words")?.dataset ?? {};

export function say(text) {
  const status = document.getElementById("status");
  if (status) status.textContent = text;
}

// Shows text in an element, or hides the element when there is none.
export function show(element, text) {
  if (!element) return;
  element.textContent = text || "";
  element.hidden = !text;
}
