// One answer on the page: joins its event stream and shows it as it grows.

import { addCodeButtons } from "./copy.js";
import { build } from "./nodes.js";
import { say, show, words } from "./status.js";

const RETRIES = 5;

// `grew` is called whenever the page became longer, `ended` once when the answer is over.
export function follow(article, address, { grew, ended }) {
  const part = (name) => article.querySelector(`[data-${name}]`);
  const body = part("body");
  const tail = part("tail");
  const waiting = part("waiting");
  const rest = tail.appendChild(document.createTextNode(""));
  const source = new EventSource(address);
  let failures = 0;

  article.dataset.state = "running";
  body.replaceChildren();
  say(words.writing);

  const setTail = (text) => {
    rest.data = text;
    tail.hidden = !text;
  };
  const on = (name, handle) =>
    source.addEventListener(name, (event) => {
      failures = 0;
      handle(JSON.parse(event.data));
      grew();
    });
  const close = (state) => {
    source.close();
    article.dataset.state = state;
    ended(state);
  };

  on("start", () => setTail(""));
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
      close(end.state);
      say(end.status);
    });
  }
  source.addEventListener("error", () => {
    failures += 1;
    if (source.readyState !== EventSource.CLOSED && failures < RETRIES) return; // it reconnects by itself
    show(part("notice"), words.lost);
    say(words.lost);
    close("failed");
  });
}
