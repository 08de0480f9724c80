// Pages other than the chat: copying, Enter in their fields, drafts wiped at sign-out.

import { enableCopying } from "./copy.js";
import { wipeOnSignOut } from "./draft.js";
import { onEnter } from "./enter.js";

enableCopying();
wipeOnSignOut();
for (const field of document.querySelectorAll("[data-enter]")) {
  onEnter(field, () => field.form.requestSubmit(), field.dataset.enter || "enter");
}
