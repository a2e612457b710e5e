/** What is chosen in a form, and choosing it again. */

/**
 * @typedef {Record<string, string | boolean>} Choices by the names of the controls; of boxes that are ticked, by
 *   name and value
 */

/**
 * All that is chosen.
 * @param {HTMLFormElement} form
 * @returns {Choices}
 */
export function choicesOf(form) {
  /** @type {Choices} */
  const choices = {};
  for (const control of named(form)) {
    if (control.type === "checkbox") choices[boxName(control)] = isTicked(control);
    else if (control.type !== "radio" || isTicked(control)) choices[control.name] = control.value;
  }
  return choices;
}

/**
 * Choose something, as far as it can be chosen here; of the rest, what is chosen stays.
 * @param {HTMLFormElement} form
 * @param {Choices} choices
 */
export function choose(form, choices) {
  // From the first to the last: what one control offers may depend on those before it.
  for (const control of named(form)) {
    const wanted = choices[control.type === "checkbox" ? boxName(control) : control.name];
    if (wanted === undefined || !take(control, wanted)) continue;
    for (const what of ["input", "change"]) control.dispatchEvent(new Event(what, { bubbles: true }));
  }
}

/**
 * @param {HTMLInputElement | HTMLSelectElement} control
 * @param {string | boolean} wanted
 * @returns {boolean} whether it was taken
 */
function take(control, wanted) {
  if (control instanceof HTMLSelectElement) {
    if (![...control.options].some(({ value }) => value === wanted)) return false;
    control.value = String(wanted);
  } else if (control.type === "checkbox") {
    if (control.disabled) return false;
    control.checked = wanted === true;
  } else if (control.type === "radio") {
    if (control.disabled || control.value !== wanted) return false;
    control.checked = true;
  } else control.value = String(wanted);
  return true;
}

/**
 * @param {HTMLFormElement} form
 * @returns {(HTMLInputElement | HTMLSelectElement)[]}
 */
function named(form) {
  return [.../** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll("[name]"))];
}

/** @param {HTMLInputElement | HTMLSelectElement} control */
function boxName({ name, value }) {
  return `${name} ${value}`;
}

/** @param {HTMLInputElement | HTMLSelectElement} control */
function isTicked(control) {
  return control instanceof HTMLInputElement && control.checked;
}
