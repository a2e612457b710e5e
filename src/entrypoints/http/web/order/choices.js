/** Reading and restoring the choices of a form. */

/**
 * @typedef {Record<string, string | boolean>} Choices by name of the control; checkboxes by name and value
 */

/**
 * Return the choices of a form.
 * @param {HTMLFormElement} form
 * @returns {Choices}
 */
export function choicesOf(form) {
  /** @type {Choices} */
  const choices = {};
  for (const control of namedControls(form)) {
    if (control.type === "checkbox") choices[checkboxKey(control)] = isChecked(control);
    else if (control.type !== "radio" || isChecked(control)) choices[control.name] = control.value;
  }
  return choices;
}

/**
 * Apply choices to a form. Choices that are not available are skipped.
 * @param {HTMLFormElement} form
 * @param {Choices} choices
 */
export function choose(form, choices) {
  // In document order: the options of a control may depend on the controls before it.
  for (const control of namedControls(form)) {
    const choice = choices[control.type === "checkbox" ? checkboxKey(control) : control.name];
    if (choice === undefined || !apply(control, choice)) continue;
    for (const type of ["input", "change"]) control.dispatchEvent(new Event(type, { bubbles: true }));
  }
}

/**
 * @param {HTMLInputElement | HTMLSelectElement} control
 * @param {string | boolean} choice
 * @returns {boolean} whether the choice was available
 */
function apply(control, choice) {
  if (control instanceof HTMLSelectElement) {
    if (![...control.options].some(({ value }) => value === choice)) return false;
    control.value = String(choice);
  } else if (control.type === "checkbox") {
    if (control.disabled) return false;
    control.checked = choice === true;
  } else if (control.type === "radio") {
    if (control.disabled || control.value !== choice) return false;
    control.checked = true;
  } else control.value = String(choice);
  return true;
}

/**
 * @param {HTMLFormElement} form
 * @returns {(HTMLInputElement | HTMLSelectElement)[]}
 */
function namedControls(form) {
  return [.../** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll("[name]"))];
}

/** @param {HTMLInputElement | HTMLSelectElement} control */
function checkboxKey({ name, value }) {
  return `${name} ${value}`;
}

/** @param {HTMLInputElement | HTMLSelectElement} control */
function isChecked(control) {
  return control instanceof HTMLInputElement && control.checked;
}
