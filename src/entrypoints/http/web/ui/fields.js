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
 * Choices side by side, of which one is taken. What has a reason against it cannot be.
 * @param {string} legend
 * @param {string} name
 * @param {{value: string, label: string, help?: string, reason?: string}[]} options
 * @param {string} first the one to begin with
 */
export function choices(legend, name, options, first) {
  const made = options.map(({ value, label, help, reason }) => {
    const checked = value === first;
    const input = el("input", { type: "radio", name, value, checked, disabled: Boolean(reason) });
    const more = reason ? el("small", { class: "reason" }, reason) : help && el("small", {}, help);
    return el("label", { class: "choice" }, input, el("span", {}, el("b", {}, label), more));
  });
  return el("fieldset", {}, el("legend", {}, legend), el("div", { class: "choices" }, made));
}

/**
 * The value of the choice that was taken.
 * @param {Element} part that the choices are in
 * @param {string} name
 */
export function chosen(part, name) {
  const input = part.querySelector(`[name="${name}"]:checked`);
  return /** @type {HTMLInputElement | null} */ (input)?.value ?? "";
}

/**
 * Disable a part of a form and say why, as what is chosen elsewhere leaves no use for it; enable it again
 * where there is no reason.
 * @param {HTMLElement} part a group, or one control with its label
 * @param {string} reason
 */
export function disableBecause(part, reason) {
  const known = /** @type {HTMLElement | null} */ (part.querySelector(":scope > .reason"));
  const words = known ?? el("p", { class: "reason", id: uniqueId("reason") });
  words.textContent = reason;
  words.hidden = !reason;
  part.classList.toggle("off", Boolean(reason));
  const isGroup = part instanceof HTMLFieldSetElement;
  if (!known && isGroup) part.querySelector(":scope > legend")?.after(words);
  else if (!known) part.append(words);
  const controls = /** @type {HTMLInputElement[]} */ (
    isGroup ? [part] : [...part.querySelectorAll("input, select")]
  );
  for (const control of controls) {
    control.disabled = Boolean(reason);
    const others = (control.getAttribute("aria-describedby") ?? "")
      .split(" ")
      .filter((id) => id !== words.id);
    control.setAttribute("aria-describedby", [...others, reason && words.id].filter(Boolean).join(" "));
  }
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
      node.querySelectorAll("button[type=submit]:enabled")
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
