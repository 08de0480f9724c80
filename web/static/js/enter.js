// The one Enter handler of the product, for every field in which Enter sends something.
//
// A Korean input method still composes the last syllable when Enter is pressed. Sending at once
// loses it or sends it twice; swallowing the key makes people press Enter twice. So for Hangul
// the wish is remembered and carried out after the composition ended. Japanese and Chinese
// Enter only confirms a candidate and never sends.

const HANGUL = /[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]$/;
const PROCESS_KEY = 229; // what browsers report while an input method handles the key

// mode: "enter" (plain Enter sends) or "ctrl-enter" (Ctrl or Command with Enter sends).
export function onEnter(field, send, mode = "enter") {
  let composing = false;
  let composed = "";
  let sendOnEnd = false;

  if (mode === "enter") field.enterKeyHint = "send"; // what a keyboard on a screen writes on its key
  const soon = () => requestAnimationFrame(() => send());

  field.addEventListener("compositionstart", () => {
    composing = true;
    composed = "";
    sendOnEnd = false;
  });
  field.addEventListener("compositionupdate", (event) => {
    composed = event.data || composed;
  });
  field.addEventListener("compositionend", (event) => {
    composing = false;
    composed = event.data || composed;
    if (sendOnEnd) {
      sendOnEnd = false;
      soon();
    }
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.code !== "Enter" && event.code !== "NumpadEnter") return;
    if (!wants(event, mode)) return;
    if (composing || event.isComposing || event.keyCode === PROCESS_KEY) {
      if (!HANGUL.test(composed)) return;
      event.preventDefault();
      if (composing || event.isComposing) sendOnEnd = true;
      else soon(); // Safari ends the composition before it reports the key
      return;
    }
    event.preventDefault();
    send();
  });
}

function wants(event, mode) {
  if (event.altKey || event.shiftKey) return false;
  const control = event.ctrlKey || event.metaKey;
  return mode === "ctrl-enter" ? control : !control;
}
