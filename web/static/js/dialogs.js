// Opens the page's dialogs in place of the pages that their links lead to without a script; closes its menus.

export function enableDialogs() {
  for (const menu of document.querySelectorAll("details.menu")) enableMenu(menu);
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

// A menu closes by Escape, by a click elsewhere, and when something in it opened a dialog.
function enableMenu(menu) {
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target) || event.target.closest("[data-dialog]")) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing || !menu.open) return;
    event.stopPropagation(); // this Escape does not stop an answer, too
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

export function anyOpen() {
  return document.querySelector("dialog[open], [popover]:popover-open") !== null;
}
