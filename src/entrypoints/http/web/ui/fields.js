/** Parts of forms, each with its label. */

import { el, uniqueId } from "../core/dom.js";
import { isAborted, wordsOf } from "../core/api.js";

/**
 * A labelled control.
 * @param {string} label
 * @param {HTMLInputElement | HTMLSelectElement} control
 * @param {string} [help] a sentence below it
 */
export function field(label, control, help = "") {
  control.id ||= uniqueId("field");
  const helpId = uniqueId("help");
  if (help) control.setAttribute("aria-describedby", helpId);
  return el(
    "div",
    { class: "field" },
    el("label", { for: control.id }, label),
    control,
    help && el("p", { class: "help", id: helpId }, help),
  );
}

/**
 * A list to choose from.
 * @param {[string, string][]} options values and their words
 * @param {string} chosen
 * @param {Record<string, any>} [props]
 */
export function select(options, chosen, props = {}) {
  const made = options.map(([value, words]) => el("option", { value, selected: value === chosen }, words));
  return el("select", props, made);
}

/**
 * Choices side by side, of which one is taken.
 * @param {string} legend
 * @param {string} name
 * @param {{value: string, label: string, help?: string}[]} options
 * @param {string} chosen
 */
export function choices(legend, name, options, chosen) {
  const made = options.map(({ value, label, help }) => {
    const input = el("input", { type: "radio", name, value, checked: value === chosen });
    return el(
      "label",
      { class: "choice" },
      input,
      el("span", {}, el("b", {}, label), help && el("small", {}, help)),
    );
  });
  return el("fieldset", {}, el("legend", {}, legend), el("div", { class: "choices" }, made));
}

/**
 * A form that says in words why it was refused, and cannot be sent twice.
 * @param {Record<string, any>} props
 * @param {() => Promise<unknown>} submit
 * @param {...import("../core/dom.js").Child} children
 */
export function form(props, submit, ...children) {
  const problem = el("p", { class: "form-problem", role: "alert" });
  const node = el("form", { ...props, onsubmit: send }, ...children, problem);
  /** @param {SubmitEvent} event */
  async function send(event) {
    event.preventDefault();
    const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (
      node.querySelectorAll("button[type=submit]")
    );
    if (node.getAttribute("aria-busy") === "true") return;
    node.setAttribute("aria-busy", "true");
    for (const button of buttons) button.disabled = true;
    problem.textContent = "";
    try {
      await submit();
    } catch (error) {
      if (!isAborted(error)) problem.textContent = wordsOf(error);
    } finally {
      node.removeAttribute("aria-busy");
      for (const button of buttons) button.disabled = false;
    }
  }
  return node;
}
