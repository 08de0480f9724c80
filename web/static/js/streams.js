// Pages of plain forms with answers that may still be written: joins each of them.

import { follow } from "./answer.js";
import { addCodeButtons, enableCopying } from "./copy.js";
import { onEnter } from "./enter.js";

const FETCHING_MS = 1000;

enableCopying();
for (const box of document.querySelectorAll("[data-streams]")) {
  addCodeButtons(box);
  for (const article of box.querySelectorAll("article[data-answer][data-state=running]")) {
    follow(article, box.dataset.streams + article.dataset.answer, {
      grew: () => {},
      ended: () => {
        for (const form of document.querySelectorAll("[data-stop]")) form.hidden = true;
      },
    });
  }
}
if (document.querySelector("[data-fetching]")) awaitModel();
for (const field of document.querySelectorAll("[data-enter]")) {
  onEnter(field, () => field.form.requestSubmit(), field.dataset.enter || "enter");
}

// Another model is being loaded for an answer: shows the page again when that is over.
async function awaitModel() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, FETCHING_MS));
    const response = await fetch(location.href, { headers: { Accept: "application/json" } }).catch(() => null);
    if (response && !(response.ok && (await response.json()).fetching)) location.reload();
  }
}
