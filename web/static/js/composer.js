// The message field: keeps the draft, sends, and gives the text back when sending failed.

import { draftFor } from "./draft.js";
import { onEnter } from "./enter.js";
import { say, show, words } from "./status.js";

// `sent` is called with (text, answer of the server) after a message was accepted.
export function composer(form, mode, sent) {
  const field = form.elements.text;
  const alert = form.querySelector("[role=alert]");
  const draft = draftFor(form.dataset.conversation);
  let composing = false;
  let inFlight = false;
  let attempt = { text: "", id: "" };

  field.addEventListener("compositionstart", () => (composing = true));
  field.addEventListener("compositionend", () => (composing = false));
  field.addEventListener("input", () => draft.keep(field.value));

  // Never while an input method composes: it would write the syllable a second time.
  const setField = (change) => {
    if (composing) field.addEventListener("compositionend", () => setTimeout(() => setField(change)), { once: true });
    else {
      field.value = change(field.value);
      draft.keep(field.value);
    }
  };

  async function send(text = field.value, fromField = true, choice = "") {
    if (inFlight || !text.trim()) return;
    if ("reading" in form.dataset) {
      say(words.filesReading);
      show(alert, words.filesReading);
      return;
    }
    if ("running" in form.dataset) {
      say(words.busy);
      return;
    }
    inFlight = true;
    form.toggleAttribute("data-sending", true);
    show(alert, "");
    held(form, text, {});
    if (attempt.text !== text) attempt = { text, id: crypto.randomUUID() };
    if (fromField) field.value = "";
    const outcome = await post(form, text, attempt.id, choice);
    inFlight = false;
    form.toggleAttribute("data-sending", false);
    if (outcome.accepted) {
      attempt = { text: "", id: "" };
      draft.keep("");
      draftFor(outcome.accepted.conversation).keep(field.value); // typed while the message was on its way
      sent(text, outcome.accepted);
    } else {
      if (fromField) setField((typed) => (typed ? `${text}\n${typed}` : text));
      fail(outcome);
      held(form, text, outcome);
    }
  }

  function fail({ message, signIn }) {
    show(alert, message);
    if (!signIn) return;
    const link = document.createElement("a");
    link.href = `/sign-in?next=${encodeURIComponent(location.pathname)}`;
    link.textContent = words.signIn;
    alert.append(" ", link);
  }

  form.addEventListener("submit", (event) => {
    if (event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault();
    send(field.value, true, event.submitter?.name === "choice" ? event.submitter.value : "");
  });
  onEnter(field, () => send(), mode);
  if (!field.value) field.value = draft.read();
  return {
    send: (text) => send(text, false),
    fill: (text) => {
      setField(() => text);
      field.focus();
    },
    setRunning: (running) => form.toggleAttribute("data-running", running),
  };
}

// {accepted} or {message, signIn}.
async function post(form, text, id, choice) {
  const body = new URLSearchParams({ csrf: form.elements.csrf.value, client_id: id, text });
  if (form.elements.maker) body.set("maker", form.elements.maker.value);
  if (form.elements.data_class) body.set("data_class", form.elements.data_class.value);
  if (form.elements.attachments.value) body.set("attachments", form.elements.attachments.value);
  if (choice) body.set("choice", choice);
  if (choice === "as_is") body.set("stated_reason", form.elements.stated_reason.value);
  try {
    const response = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body });
    const content = await response.json();
    if (response.ok) return { accepted: content };
    return { ...content.error, signIn: response.status === 401 };
  } catch {
    return { message: words.offline, signIn: false };
  }
}

// What was found in a text that a rule held back, and the ways on that the person has.
function held(form, text, { offers = [], spans = [], in_files = 0 }) {
  const box = form.querySelector("#held");
  box.hidden = offers.length === 0;
  for (const offer of box.querySelectorAll("[data-offer]")) offer.hidden = !offers.includes(offer.dataset.offer);
  show(box.querySelector("[data-held-files]"), in_files ? words.inFiles.replace("{count}", in_files) : "");
  const letters = Array.from(text); // offsets count characters, not UTF-16 units
  const parts = [];
  let position = 0;
  for (const [start, end] of spans) {
    const mark = document.createElement("mark");
    mark.textContent = letters.slice(start, end).join("");
    parts.push(letters.slice(position, start).join(""), mark);
    position = end;
  }
  box.querySelector("[data-held-text]").replaceChildren(...parts, letters.slice(position).join(""));
}
