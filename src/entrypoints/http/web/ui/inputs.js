/** Small controls of lists whose items are edited in place. */

import { el } from "../core/dom.js";
import { icon } from "./icons.js";

/**
 * A labelled number input that saves every change within its limits.
 * @param {string} label
 * @param {number} value
 * @param {[number, number]} limits
 * @param {string} key identifies the input when the list is rebuilt, to keep the focus
 * @param {(value: number) => void} save
 */
export function numberInput(label, value, [min, max], key, save) {
  const input = el("input", {
    type: "number",
    value: String(value),
    min,
    max,
    step: 1,
    "data-key": key,
    onchange: () => {
      if (input.value !== "" && input.reportValidity()) save(input.valueAsNumber);
    },
  });
  return el("label", { class: "number" }, el("span", {}, label), input);
}

/**
 * A button that removes an item from a list.
 * @param {string} label
 * @param {() => void} onclick
 */
export function removeButton(label, onclick) {
  return el(
    "button",
    { type: "button", class: "quiet danger", "aria-label": label, title: label, onclick },
    icon("delete"),
  );
}
