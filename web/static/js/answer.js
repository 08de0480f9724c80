// One answer on the page: joins its event stream and shows it as it grows.

import { addCodeButtons } from "./copy.js";
import { build } from "./nodes.js";
import { say, show, words } from "./status.js";

const PATIENT = 3; // failed attempts before the page says that it is trying
const SLEPT_MS = 20_000; // a clock that jumps so far: the machine was asleep, and the connection may be dead
const TICK_MS = 5_000;

// `grew` is called whenever the page became longer, `ended` once when the answer is over.
export function follow(article, address, { grew, ended }) {
  const part = (name) => article.querySelector(`[data-${name}]`);
  const body = part("body");
  const tail = part("tail");
  const waiting = part("waiting");
  const rest = tail.appendChild(document.createTextNode(""));
  const thoughts = part("thoughts");
  const heard = [];
  let source;
  let failures = 0;
  let began = null; // when thinking was first seen
  let ticked = Date.now();

  article.dataset.state = "running";
  body.replaceChildren();
  say(words.writing);

  const setTail = (text) => {
    rest.data = text;
    tail.hidden = !text;
  };
  const on = (name, handle) => heard.push([name, handle]);
  const join = () => {
    source?.close();
    source = new EventSource(address);
    for (const [name, handle] of heard) {
      source.addEventListener(name, (event) => {
        if (failures > 0) show(part("notice"), "");
        failures = 0;
        handle(JSON.parse(event.data));
        grew();
      });
    }
    source.addEventListener("error", lost);
  };
  const close = (state, end) => {
    source.close();
    clearInterval(ticking);
    removeEventListener("online", join);
    article.dataset.state = state;
    ended(state, end);
  };
  const ticking = setInterval(() => {
    if (Date.now() - ticked > SLEPT_MS) join();
    ticked = Date.now();
  }, TICK_MS);
  addEventListener("online", join);

  on("start", () => {
    setTail("");
    thoughts.querySelector(".body").textContent = "";
  });
  on("thought", ({ add }) => {
    thoughts.hidden = false;
    thoughts.querySelector(".body").append(add);
    began ??= Date.now();
    const seconds = Math.round((Date.now() - began) / 1000);
    waiting.querySelector("[data-waiting-text]").textContent = words.thinking.replace("{seconds}", seconds);
  });
  on("queued", ({ text }) => (waiting.querySelector("[data-waiting-text]").textContent = text));
  on("progress", ({ text }) => (waiting.querySelector("[data-waiting-text]").textContent = text));
  on("tail", ({ add }) => {
    article.dataset.state = "writing";
    setTail(rest.data + add);
  });
  on("block", ({ index, node, tail: after }) => {
    article.dataset.state = "writing";
    if (index >= body.children.length) {
      const block = build(node);
      body.append(block);
      addCodeButtons(block);
    }
    setTail(after);
  });
  for (const name of ["finished", "failed"]) {
    on(name, (end) => {
      setTail("");
      show(part("notice"), end.notice);
      show(part("dropped"), end.dropped);
      part("speed").textContent = end.speed ?? "";
      const retry = part("retry");
      if (retry) retry.hidden = end.state !== "failed";
      if (end.thought) thoughts.querySelector("summary").textContent = end.thought;
      const again = part("again");
      if (again) again.hidden = false;
      close(end.state, end);
      say(end.status);
    });
  }
  function lost() {
    failures += 1;
    if (source.readyState === EventSource.CLOSED) {
      show(part("notice"), words.lost);
      say(words.lost);
      close("failed");
    } else if (failures === PATIENT) {
      show(part("notice"), words.away); // it reconnects by itself, and the answer goes on meanwhile
      say(words.away);
    }
  }
  join();
}
