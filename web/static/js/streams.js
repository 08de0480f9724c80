// Pages of plain forms with answers that may still be written: joins each of them.

import { follow } from "./answer.js";
import { addCodeButtons, enableCopying } from "./copy.js";
import { onEnter } from "./enter.js";

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
for (const field of document.querySelectorAll("[data-enter]")) {
  onEnter(field, () => field.form.requestSubmit(), field.dataset.enter || "enter");
}
