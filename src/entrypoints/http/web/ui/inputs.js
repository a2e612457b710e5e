/** Small controls in lists of things that are changed in place. */

import { el } from "../core/dom.js";
import { icon } from "./icons.js";

/**
 * A labelled number that is kept as soon as it is changed, unless it is out of limits.
 * @param {string} words
 * @param {number} value
 * @param {[number, number]} limits
 * @param {string} key by which the focus finds it again
 * @param {(value: number) => void} keep
 */
export function numberInput(words, value, [min, max], key, keep) {
  const input = el("input", {
    type: "number",
    value: String(value),
    min,
    max,
    step: 1,
    "data-key": key,
    onchange: () => {
      if (input.value !== "" && input.reportValidity()) keep(input.valueAsNumber);
    },
  });
  return el("label", { class: "number" }, el("span", {}, words), input);
}

/**
 * A button that takes something out of a list.
 * @param {string} words
 * @param {() => void} onclick
 */
export function removeButton(words, onclick) {
  return el(
    "button",
    { type: "button", class: "quiet danger", "aria-label": words, title: words, onclick },
    icon("delete"),
  );
}
