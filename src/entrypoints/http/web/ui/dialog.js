/** Questions that are asked before something cannot be taken back. */

import { el, uniqueId } from "../core/dom.js";
import { t } from "../core/language.js";

/** What is seen in front of dialogs, too. @type {Element | null} */
let inFront = null;

/**
 * Keep something in front of dialogs: all that is outside of the last one is behind it, and nobody hears it.
 * @param {Element} node
 */
export function keepInFront(node) {
  inFront = node;
  raise();
}

function raise() {
  const last = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  if (inFront && inFront.parentElement !== last) last.append(inFront);
}

/** @param {HTMLDialogElement} dialog */
function open(dialog) {
  dialog.addEventListener("close", () => {
    // Before the dialog is gone, with all that is in it.
    raise();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  raise();
}

/**
 * Ask whether to go on.
 * @param {{title: string, words: string, action: string}} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, words, action }) {
  const [heading, text] = [uniqueId("dialog"), uniqueId("dialog")];
  return new Promise((resolve) => {
    const answer = (/** @type {boolean} */ yes) => () => {
      resolve(yes);
      dialog.close();
    };
    const dialog = el(
      "dialog",
      {
        "aria-labelledby": heading,
        "aria-describedby": text,
        // However it was closed; an answer that was given counts.
        onclose: () => resolve(false),
      },
      el("h2", { id: heading }, title),
      el("p", { id: text }, words),
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
 * Show something in front of the page, until it is closed.
 * @param {string} title
 * @param {...import("../core/dom.js").Child} content
 * @returns {HTMLDialogElement}
 */
export function shown(title, ...content) {
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

/** Close whatever is in front of the page, as another page is about to be shown. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}
