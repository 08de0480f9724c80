// Passkeys: asks the device, hands its answer to the server. The forms stay hidden without WebAuthn.

import { show } from "./status.js";

const PATHS = {
  add: ["/account/passkeys/options", "/account/passkeys"],
  get: ["/sign-in/passkey/options", "/sign-in/passkey"],
};

// WebAuthn binds a passkey to a host name; an address in numbers has none.
const named = !/^[\d.]+$|:/.test(location.hostname);

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!named || !window.PublicKeyCredential?.parseCreationOptionsFromJSON) continue;
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(form).catch(() => tell(form, form.dataset.failed));
  });
}

async function run(form) {
  const [optionsPath, answerPath] = PATHS[form.dataset.passkey];
  tell(form, "");
  const asked = await send(form, optionsPath, {});
  if (!asked) return;
  const { publicKey } = asked;
  const credential =
    form.dataset.passkey === "add"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
  const done = await send(form, answerPath, { credential: JSON.stringify(credential.toJSON()) });
  if (done) location.assign(done.next);
  if (done?.next.startsWith(location.pathname)) location.reload();
}

// The answer as an object; null after a refusal was shown or the browser was led elsewhere.
async function send(form, path, more) {
  const fields = new URLSearchParams(new FormData(form));
  for (const [name, value] of Object.entries(more)) fields.set(name, value);
  const response = await fetch(path, { method: "POST", body: fields, headers: { Accept: "application/json" } });
  const answer = await response.json();
  if (response.ok) return answer;
  if (answer.error.code === "step_required") location.assign(`/account/confirm?next=${location.pathname}`);
  else tell(form, answer.error.message);
  return null;
}

function tell(form, text) {
  show(form.querySelector("[role=alert]"), text);
}
