/** Keys of the pages, and the dialog that lists them. */

import { el } from "../core/dom.js";
import { hasText, t } from "../core/language.js";
import { showDialog } from "./dialog.js";

/** @typedef {{keys: string[], text: string}} Shortcut alternative keys, as `ctrl+Z`, and a text key */

/** @type {Shortcut[]} */
const GENERAL = [
  { keys: ["tab"], text: "shortcut.tab" },
  { keys: ["escape"], text: "shortcut.escape" },
  { keys: ["?"], text: "shortcut.help" },
];

/** @type {Shortcut[]} */
const VIEWING = [
  { keys: ["←", "→"], text: "shortcut.step" },
  { keys: ["shift+←", "shift+→"], text: "shortcut.stepTen" },
  { keys: ["home", "end"], text: "shortcut.ends" },
  { keys: ["P", "space"], text: "shortcut.play" },
];

/** @type {Shortcut[]} */
const EDITING = [
  { keys: ["ctrl+Z"], text: "shortcut.undo" },
  { keys: ["ctrl+shift+Z", "ctrl+Y"], text: "shortcut.redo" },
  { keys: ["←", "→", "↑", "↓"], text: "shortcut.move" },
  { keys: ["alt+←", "alt+→", "alt+↑", "alt+↓"], text: "shortcut.resize" },
  { keys: ["delete"], text: "shortcut.remove" },
];

/** @type {Shortcut[]} */
const MARKING = [
  { keys: ["I"], text: "mark.in" },
  { keys: ["O"], text: "mark.out" },
];

/** @type {Shortcut[]} */
const REVIEWING = [{ keys: ["B"], text: "shortcut.boxes" }];

/** @param {boolean} mayEdit */
export function markShortcuts(mayEdit) {
  return mayEdit ? [...VIEWING, ...MARKING, ...EDITING] : VIEWING;
}

/** @param {boolean} mayEdit */
export function reviewShortcuts(mayEdit) {
  return [...VIEWING, ...REVIEWING, ...(mayEdit ? EDITING : [])];
}

/**
 * Return whether a key goes into a field in which the user writes.
 * @param {KeyboardEvent} event
 */
export function isTyping(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  return target.closest("input:not([type=checkbox], [type=radio], [type=range]), textarea, dialog") !== null;
}

/**
 * Show the keys of a page, and those of all pages.
 * @param {Shortcut[]} shortcuts
 */
export function showShortcuts(shortcuts) {
  const rows = [...shortcuts, ...GENERAL].map(({ keys, text }) =>
    el("div", {}, el("dt", {}, keys.map(combination)), el("dd", {}, t(text))),
  );
  showDialog(t("shortcut.title"), el("dl", { class: "shortcuts", tabindex: "0" }, rows));
}

/** List the keys of all pages when "?" is pressed on one that has no others. */
export function helpOnKeys() {
  // Pages listen to the document, which is asked first.
  addEventListener("keydown", (event) => {
    if (event.key !== "?" || event.defaultPrevented || isTyping(event)) return;
    event.preventDefault();
    showShortcuts([]);
  });
}

/** @param {string} keys */
function combination(keys) {
  const names = keys.split("+").map((key) => el("kbd", {}, hasText(`key.${key}`) ? t(`key.${key}`) : key));
  return el("span", {}, names);
}
