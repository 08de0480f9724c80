// The chat page: wires the parts together.

import { follow } from "./answer.js";
import { composer } from "./composer.js";
import { addCodeButtons, enableCopying } from "./copy.js";
import { anyOpen, enableDialogs } from "./dialogs.js";
import { wipeOnSignOut } from "./draft.js";
import { onEnter } from "./enter.js";
import { followBottom } from "./scroll.js";

const byId = (id) => document.getElementById(id);
const form = byId("composer");
const stopForm = byId("stop");
const transcript = byId("transcript");
const scroll = followBottom(byId("scroll"), byId("jump"), transcript.childElementCount > 0);
const desk = composer(form, byId("room").dataset.sendKey, sent);

addCodeButtons(transcript);
enableCopying();
enableDialogs();
wipeOnSignOut();
for (const field of document.querySelectorAll("input[data-enter]")) {
  onEnter(field, () => field.form.requestSubmit());
}

for (const article of transcript.querySelectorAll("article[data-answer][data-state=running]")) join(article);

function sent(text, { conversation, answer, masked }) {
  if (conversation !== form.dataset.conversation) {
    location.replace(`/chat/${conversation}`); // the new page joins the answer that is being made
    return;
  }
  byId("empty")?.remove();
  const question = copyOf("question-template");
  question.querySelector("[data-body]").textContent = text;
  const chip = question.querySelector("[data-masked]");
  chip.textContent = masked;
  chip.hidden = !masked;
  const article = copyOf("answer-template");
  article.dataset.answer = answer;
  const again = article.querySelector("[data-retry]");
  if (again) again.elements.text.value = text;
  article.querySelector("[data-copy-message]").hidden = false;
  transcript.append(question, article);
  scroll.toBottom();
  join(article);
}

function copyOf(id) {
  return byId(id).content.firstElementChild.cloneNode(true);
}

function join(article) {
  desk.setRunning(true);
  follow(article, `/chat/${form.dataset.conversation}/answers/${article.dataset.answer}`, {
    grew: scroll.grew,
    ended: () => desk.setRunning(false),
  });
}

function stop() {
  const body = new URLSearchParams({ csrf: stopForm.elements.csrf.value });
  fetch(stopForm.action, { method: "POST", headers: { Accept: "application/json" }, body }).catch(() => {});
}

stopForm.addEventListener("submit", (event) => {
  event.preventDefault();
  stop();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing && "running" in form.dataset && !anyOpen()) stop();
});
document.addEventListener("submit", (event) => {
  const again = event.target.closest("[data-retry]");
  if (!again) return;
  event.preventDefault();
  again.hidden = true;
  desk.send(again.elements.text.value);
});

const examples = byId("examples");
if (examples) {
  examples.hidden = false;
  examples.addEventListener("click", (event) => {
    const example = event.target.closest("[data-example]");
    if (example) desk.fill(`${example.dataset.example}\n`);
  });
}
