/** Labelled form controls. */

import { el, uniqueId } from "../core/dom.js";
import { isAborted, messageOf } from "../core/api.js";

/**
 * A labelled control.
 * @param {string} label
 * @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} control
 * @param {string} [help] text below the control
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
 * A drop-down list.
 * @param {[string, string][]} options values and labels
 * @param {string} chosen
 * @param {Record<string, any>} [props]
 */
export function select(options, chosen, props = {}) {
  const items = options.map(([value, label]) => el("option", { value, selected: value === chosen }, label));
  return el("select", props, items);
}

/**
 * A group of radio buttons. Options with a reason are disabled and show it.
 * @param {string} legend
 * @param {string} name
 * @param {{value: string, label: string, help?: string, reason?: string}[]} options
 * @param {string} initial value that is checked at first
 */
export function choices(legend, name, options, initial) {
  const items = options.map(({ value, label, help, reason }) => {
    const checked = value === initial;
    const input = el("input", { type: "radio", name, value, checked, disabled: Boolean(reason) });
    const note = reason ? el("small", { class: "reason" }, reason) : help && el("small", {}, help);
    return el("label", { class: "choice" }, input, el("span", {}, el("b", {}, label), note));
  });
  return el("fieldset", {}, el("legend", {}, legend), el("div", { class: "choices" }, items));
}

/**
 * Return the value of the checked radio button.
 * @param {Element} part element that contains the group
 * @param {string} name
 */
export function chosen(part, name) {
  const input = part.querySelector(`[name="${name}"]:checked`);
  return /** @type {HTMLInputElement | null} */ (input)?.value ?? "";
}

/**
 * Disable a part of a form and show the reason; enable it when the reason is empty.
 * @param {HTMLElement} part a group, or one control with its label
 * @param {string} reason
 */
export function disableBecause(part, reason) {
  const existing = /** @type {HTMLElement | null} */ (part.querySelector(":scope > .reason"));
  const note = existing ?? el("p", { class: "reason", id: uniqueId("reason") });
  note.textContent = reason;
  note.hidden = !reason;
  part.classList.toggle("off", Boolean(reason));
  const isGroup = part instanceof HTMLFieldSetElement;
  if (!existing && isGroup) part.querySelector(":scope > legend")?.after(note);
  else if (!existing) part.append(note);
  const controls = /** @type {HTMLInputElement[]} */ (
    isGroup ? [part] : [...part.querySelectorAll("input, select")]
  );
  for (const control of controls) {
    control.disabled = Boolean(reason);
    const others = (control.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id !== note.id);
    control.setAttribute("aria-describedby", [...others, reason && note.id].filter(Boolean).join(" "));
  }
}

/**
 * A form that shows why it was refused, and cannot be submitted twice.
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
      if (!isAborted(error)) problem.textContent = messageOf(error);
    } finally {
      node.removeAttribute("aria-busy");
      for (const button of buttons) button.disabled = false;
    }
  }
  return node;
}
