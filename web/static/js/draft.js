// What is typed but not sent: per tab, in sessionStorage only; gone when sent and at sign-out.

const PREFIX = "naesil:draft:";

export function draftFor(conversation) {
  const key = PREFIX + (conversation || "new");
  return {
    read: () => sessionStorage.getItem(key) ?? "",
    keep: (text) => (text ? sessionStorage.setItem(key, text) : sessionStorage.removeItem(key)),
  };
}

export function wipeDrafts() {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
  }
}

export function wipeOnSignOut() {
  for (const form of document.querySelectorAll("form[data-wipe]")) {
    form.addEventListener("submit", wipeDrafts);
  }
}
