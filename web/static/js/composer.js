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

  async function send(text = field.value, fromField = true) {
    if (inFlight || !text.trim()) return;
    if ("running" in form.dataset) {
      say(words.busy);
      return;
    }
    inFlight = true;
    form.toggleAttribute("data-sending", true);
    show(alert, "");
    if (attempt.text !== text) attempt = { text, id: crypto.randomUUID() };
    if (fromField) field.value = "";
    const outcome = await post(form, text, attempt.id);
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
    event.preventDefault();
    send();
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
async function post(form, text, id) {
  const body = new URLSearchParams({ csrf: form.elements.csrf.value, client_id: id, text });
  try {
    const response = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body });
    const content = await response.json();
    if (response.ok) return { accepted: content };
    return { message: content.error.message, signIn: response.status === 401 };
  } catch {
    return { message: words.offline, signIn: false };
  }
}
