/** Questions that are asked before something cannot be taken back. */

import { el, uniqueId } from "../core/dom.js";
import { t } from "../core/language.js";

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
        onclose: () => {
          dialog.remove();
          // However it was closed; an answer that was given counts.
          resolve(false);
        },
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
    document.body.append(dialog);
    dialog.showModal();
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
    { "aria-labelledby": heading, onclose: () => dialog.remove() },
    el("h2", { id: heading }, title),
    ...content,
    el("div", { class: "actions" }, close),
  );
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Close whatever is in front of the page, as another page is about to be shown. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}
