// The chat page: wires the parts together.

import { follow } from "./answer.js";
import { attachments } from "./attach.js";
import { composer } from "./composer.js";
import { addCodeButtons, enableCopying } from "./copy.js";
import { anyOpen, enableDialogs } from "./dialogs.js";
import { wipeOnSignOut } from "./draft.js";
import { onEnter } from "./enter.js";
import { followBottom } from "./scroll.js";
import { enableShortcuts } from "./shortcuts.js";

const byId = (id) => document.getElementById(id);
const form = byId("composer");
const stopForm = byId("stop");
const transcript = byId("transcript");
const scroll = followBottom(byId("room"), byId("scroll"), transcript, byId("jump"), transcript.childElementCount > 0);
const files = byId("attach") ? attachments(form) : { clear: () => {} };
const desk = composer(form, byId("room").dataset.sendKey, sent);

addCodeButtons(transcript);
enableCopying();
enableDialogs();
wipeOnSignOut();
for (const field of document.querySelectorAll("input[data-enter]")) {
  onEnter(field, () => field.form.requestSubmit());
}

for (const article of transcript.querySelectorAll("article[data-answer][data-state=running]")) join(article);

function sent(text, { conversation, answer, masked, user_message, files: beside }) {
  if (conversation !== form.dataset.conversation) {
    location.replace(`/chat/${conversation}`); // the new page joins the answer that is being made
    return;
  }
  byId("empty")?.remove();
  files.clear();
  const question = copyOf("question-template");
  question.querySelector("[data-body]").textContent = text;
  question.id = `m-${user_message}`;
  showFiles(question.querySelector("[data-files]"), beside);
  const edit = question.querySelector("[data-edit]");
  edit.href = `/chat/${conversation}/messages/${user_message}/edit`;
  edit.hidden = false;
  const chip = question.querySelector("[data-masked]");
  chip.textContent = masked;
  chip.hidden = !masked;
  const article = copyOf("answer-template");
  article.dataset.answer = answer;
  article.id = `m-${answer}`;
  const other = article.querySelector("[data-again]");
  if (other) {
    other.elements.instead_of.value = answer;
    other.elements.client_id.value = crypto.randomUUID();
  }
  const again = article.querySelector("[data-retry]");
  if (again && beside.length) again.remove(); // it would ask without them; "another answer" keeps them
  else if (again) again.elements.text.value = text;
  article.querySelector("[data-copy-message]").hidden = false;
  transcript.append(question, article);
  scroll.toBottom();
  join(article);
}

function showFiles(list, beside) {
  for (const { name, detail } of beside) {
    const made = copyOf("file-template");
    made.querySelector("[data-remove]").remove();
    made.querySelector("[data-name]").textContent = name;
    made.querySelector("[data-detail]").textContent = detail;
    list.append(made);
  }
  list.hidden = !beside.length;
}

function copyOf(id) {
  return byId(id).content.firstElementChild.cloneNode(true);
}

function join(article) {
  desk.setRunning(true);
  follow(article, `/chat/${form.dataset.conversation}/answers/${article.dataset.answer}`, {
    grew: scroll.grew,
    ended: (state, end) => {
      desk.setRunning(false);
      showContext(end?.context);
    },
  });
}

// How much of what the model can read at once the conversation takes, by the newest answer.
function showContext(context) {
  const box = byId("context");
  if (!context?.text) return;
  box.querySelector("meter").max = context.limit;
  box.querySelector("meter").value = context.used;
  box.querySelector("span").textContent = context.text;
  box.hidden = false;
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

const help = byId("help");
help.hidden = false;
const lastOf = (selector) => [...document.querySelectorAll(selector)].at(-1);
enableShortcuts(
  byId("shortcuts"),
  {
    help: () => help.click(),
    new: () => location.assign("/chat"),
    search: () => {
      const field = document.querySelector(".find input");
      if (field.checkVisibility()) field.focus();
      else location.assign("/search");
    },
    copy: () => lastOf("article.answer [data-copy-message]:not([hidden])")?.click(),
    edit: () => lastOf("article.question [data-edit]:not([hidden])")?.click(),
  },
  byId("room").dataset.singleKeys === "on",
);

const examples = byId("examples");
if (examples) {
  examples.hidden = false;
  examples.addEventListener("click", (event) => {
    const example = event.target.closest("[data-example]");
    if (example) desk.fill(`${example.dataset.example}\n`);
  });
}
