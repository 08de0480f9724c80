// Attaching files by button, drop and paste. A file leaves the page when it is attached, never before.

import { say, words } from "./status.js";

const ADDRESS = "/chat/attachments";

export function attachments(form) {
  const list = form.querySelector("#files");
  const input = form.querySelector("#file");
  const button = form.querySelector("#attach");
  const field = form.elements.text;
  const limit = Number(input.dataset.limit);
  const waiting = [];
  let reading = false;

  const chips = () => [...list.querySelectorAll("[data-file]")];
  const changed = () => {
    form.elements.attachments.value = chips().map((chip) => chip.dataset.file).join(",");
    list.hidden = !list.childElementCount;
  };

  function chip(name) {
    const made = document.getElementById("file-template").content.firstElementChild.cloneNode(true);
    made.querySelector("[data-name]").textContent = name;
    const remove = made.querySelector("[data-remove]");
    remove.setAttribute("aria-label", words.removeFile.replace("{name}", name));
    list.append(made);
    changed();
    return made;
  }

  function state(made, kind, text) {
    made.dataset.state = kind;
    made.querySelector("[data-detail]").textContent = text;
    say(`${made.querySelector("[data-name]").textContent}: ${text}`);
  }

  function add(files) {
    for (const file of files) {
      const made = chip(file.name.normalize("NFC"));
      if (file.size > limit) state(made, "refused", words.fileTooLarge);
      else {
        state(made, "waiting", words.fileWaiting);
        waiting.push([file, made]);
      }
    }
    if (!reading) next();
  }

  async function next() {
    const [file, made] = waiting.shift() ?? [];
    reading = Boolean(file);
    form.toggleAttribute("data-reading", reading);
    if (!file) return;
    if (made.isConnected) {
      state(made, "reading", words.fileReading);
      const outcome = await upload(file);
      if (outcome.id && !made.isConnected) forget(outcome.id); // taken away while it was read
      else if (outcome.id) {
        made.dataset.file = outcome.id;
        state(made, "done", outcome.detail);
      } else state(made, "refused", outcome.message);
      changed();
    }
    next();
  }

  // {id, detail} or {message}.
  async function upload(file) {
    const body = new FormData();
    body.append("csrf", form.elements.csrf.value);
    body.append("conversation", form.dataset.conversation);
    body.append("file", file);
    try {
      const response = await fetch(ADDRESS, { method: "POST", headers: { Accept: "application/json" }, body });
      const content = await response.json();
      return response.ok ? content.attachments[0] : content.error;
    } catch {
      return { message: words.offline };
    }
  }

  function forget(id) {
    const body = new URLSearchParams({ csrf: form.elements.csrf.value });
    fetch(`${ADDRESS}/${id}/remove`, { method: "POST", headers: { Accept: "application/json" }, body }).catch(() => {});
  }

  list.addEventListener("click", (event) => {
    const made = event.target.closest("[data-remove]")?.closest("li");
    if (!made) return;
    event.preventDefault();
    if (made.dataset.file) forget(made.dataset.file);
    made.remove();
    changed();
    say(words.fileRemoved);
    field.focus();
  });

  button.hidden = false;
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = "";
    field.focus();
  });
  field.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (!files.length || event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    add(files);
  });
  const room = document.getElementById("room");
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  room.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    room.toggleAttribute("data-dropping", true);
  });
  room.addEventListener("dragleave", (event) => {
    if (!room.contains(event.relatedTarget)) room.removeAttribute("data-dropping");
  });
  room.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    room.removeAttribute("data-dropping");
    add([...event.dataTransfer.files]);
  });

  return {
    clear: () => {
      list.replaceChildren(); // those that were sent, and those that were refused
      changed();
    },
  };
}
