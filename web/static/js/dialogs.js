// Opens the page's dialogs in place of the pages that their links lead to without a script.

export function enableDialogs() {
  for (const link of document.querySelectorAll("[data-dialog]")) {
    const dialog = document.getElementById(link.dataset.dialog);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      dialog.showModal();
      dialog.querySelector("input[type=text]")?.select();
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) {
        event.preventDefault();
        dialog.close();
      }
    });
  }
}

export function anyOpen() {
  return document.querySelector("dialog[open], [popover]:popover-open") !== null;
}
