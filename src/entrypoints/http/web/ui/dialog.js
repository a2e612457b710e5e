/** Dialogs: confirmation before irreversible actions, and other content in front of the page. */

import { el, uniqueId } from "../core/dom.js";
import { t } from "../core/language.js";

/** Element that stays visible in front of dialogs. @type {Element | null} */
let topmost = null;

/**
 * Keep an element in front of dialogs: content outside of the last dialog is inert and not announced.
 * @param {Element} node
 */
export function keepOnTop(node) {
  topmost = node;
  raise();
}

function raise() {
  const last = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  if (topmost && topmost.parentElement !== last) last.append(topmost);
}

/** @param {HTMLDialogElement} dialog */
function open(dialog) {
  dialog.addEventListener("close", () => {
    // Move the element out before the dialog is removed with its content.
    raise();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  raise();
}

/**
 * Ask the user to confirm an action.
 * @param {{title: string, text: string, action: string, extra?: Node}} question `extra` is shown below the text
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, action, extra }) {
  const [heading, description] = [uniqueId("dialog"), uniqueId("dialog")];
  return new Promise((resolve) => {
    const answer = (/** @type {boolean} */ yes) => () => {
      resolve(yes);
      dialog.close();
    };
    const dialog = el(
      "dialog",
      {
        "aria-labelledby": heading,
        "aria-describedby": description,
        // Closing without an answer counts as no; after an answer this has no effect.
        onclose: () => resolve(false),
      },
      el("h2", { id: heading }, title),
      el("p", { id: description }, text),
      extra,
      el(
        "div",
        { class: "actions" },
        el("button", { type: "button", onclick: answer(false) }, t("cancel")),
        el("button", { type: "button", class: "danger", onclick: answer(true) }, action),
      ),
    );
    open(dialog);
  });
}

/**
 * Show content in a dialog until it is closed.
 * @param {string} title
 * @param {...import("../core/dom.js").Child} content
 * @returns {HTMLDialogElement}
 */
export function showDialog(title, ...content) {
  const heading = uniqueId("dialog");
  const close = el("button", { type: "button", onclick: () => dialog.close() }, t("close"));
  const dialog = el(
    "dialog",
    { "aria-labelledby": heading },
    el("h2", { id: heading }, title),
    ...content,
    el("div", { class: "actions" }, close),
  );
  open(dialog);
  return dialog;
}

/** Close all dialogs, before another page is shown. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}
