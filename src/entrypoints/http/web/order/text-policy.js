/** Text to cover at level `full`: all of it, all that may identify a person, or only what is listed. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { choices, chosen, disableBecause, field } from "../ui/fields.js";

const MODES = ["all", "identifying", "listed"];
const CLASSES = ["measurements", "device", "times"];
/** Classes that are kept unless the user chooses others; times can identify an examination. */
const KEPT = new Set(["measurements", "device"]);

/** @typedef {{mode: string, keep: string[], names: boolean, patterns: boolean}} TextPolicy of a run; without its lists */

/**
 * Return the choices of the form that correspond to the text policy of a run. Its lists were deleted, and consent is
 * given for each run.
 * @param {TextPolicy} policy
 * @returns {import("./choices.js").Choices}
 */
export function textChoices({ mode, keep }) {
  const kept = mode === "identifying" ? new Set(keep) : KEPT;
  return Object.fromEntries([["text", mode], ...CLASSES.map((name) => [`keep ${name}`, kept.has(name)])]);
}

export function textChoice() {
  const node = choices(
    t("text.title"),
    "text",
    MODES.map((value) => ({ value, label: t(`text.${value}`), help: t(`text.${value}Help`) })),
    MODES[0],
  );
  const boxes = CLASSES.map((value) =>
    el("input", { type: "checkbox", name: "keep", value, checked: KEPT.has(value) }),
  );
  const kept = el(
    "fieldset",
    {},
    el("legend", {}, t("text.keep")),
    CLASSES.map((value, index) =>
      el("label", { class: "check" }, boxes[index], caption(value)),
    ),
  );
  const names = list("names");
  const patterns = list("patterns");
  const consent = el("input", { type: "checkbox", name: "failOpen", value: "yes" });
  const consentField = el("label", { class: "check" }, consent, el("span", {}, t("text.consent")));
  const details = el(
    "div",
    { class: "details" },
    kept,
    field(t("text.names"), names, t("text.namesHelp")),
    field(t("text.patterns"), patterns, t("text.patternsHelp")),
    consentField,
  );
  node.append(details);

  /** @param {string} level */
  function update(level) {
    const mode = chosen(node, "text");
    details.hidden = mode === "all";
    kept.hidden = mode !== "identifying";
    consentField.hidden = mode !== "listed";
    consent.required = level === "full" && mode === "listed";
    disableBecause(node, level === "full" ? "" : t("text.onlyFull"));
  }

  /**
   * Return the text policy of the request; null to cover all text.
   * @param {string} level
   */
  function value(level) {
    const mode = chosen(node, "text");
    if (level !== "full" || mode === "all") return null;
    const lists = { mode, names: lines(names), patterns: lines(patterns) };
    if (mode === "listed") return { ...lists, fail_open: consent.checked };
    return { ...lists, keep: boxes.filter(({ checked }) => checked).map((box) => box.value) };
  }

  return { node, update, value };
}

/** @param {string} value */
function caption(value) {
  return el("span", {}, t(`text.${value}`), " ", el("small", {}, t(`text.${value}Help`)));
}

/** @param {string} name */
function list(name) {
  // Spelling checkers may send what is typed to others.
  return el("textarea", { name, rows: 4, autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
}

/** @param {HTMLTextAreaElement} area */
function lines(area) {
  return area.value
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}
