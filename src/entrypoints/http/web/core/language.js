/** The words of the console, and how a language writes numbers and times. */

/** @typedef {"en" | "de"} Language */

/** @type {Record<Language, string>} */
export const LANGUAGES = { en: "English", de: "Deutsch" };

const KEPT_AS = "framecloak.language";

/** @type {Language} */
let current = "en";
/** @type {Record<string, string>} */
let words = {};
let plurals = new Intl.PluralRules("en");

/** The language that is spoken now. */
export function language() {
  return current;
}

/**
 * The language somebody chose before, or else the first of the browser's that is there.
 * @returns {Language}
 */
export function preferredLanguage() {
  const chosen = localStorage.getItem(KEPT_AS);
  const wanted = [chosen, ...navigator.languages].map((tag) => (tag ?? "").slice(0, 2).toLowerCase());
  return /** @type {Language} */ (wanted.find((tag) => tag in LANGUAGES) ?? "en");
}

/**
 * Speak a language from now on.
 * @param {Language} wanted
 */
export async function speak(wanted) {
  const answer = await fetch(new URL(`../languages/${wanted}.json`, import.meta.url));
  words = await answer.json();
  current = wanted;
  plurals = new Intl.PluralRules(wanted);
  document.documentElement.lang = wanted;
}

/**
 * Remember a choice for the next visit.
 * @param {Language} chosen
 */
export function keepLanguage(chosen) {
  localStorage.setItem(KEPT_AS, chosen);
}

/**
 * A sentence by its name, with values in the place of `{name}`.
 *
 * Where there is a `count`, the sentence is `name.one` or `name.other`, as the language has it.
 * @param {string} name
 * @param {Record<string, string | number>} [values]
 */
export function t(name, values = {}) {
  const form = typeof values.count === "number" ? `${name}.${plurals.select(values.count)}` : name;
  const sentence = words[form] ?? words[name] ?? name;
  return sentence.replace(/\{(\w+)\}/g, (_, key) => {
    const value = values[key];
    return typeof value === "number" ? number(value) : String(value ?? "");
  });
}

/**
 * Whether there is a sentence of this name.
 * @param {string} name
 */
export function hasWords(name) {
  return name in words;
}

/**
 * @param {number} value
 * @param {number} [digits] after the decimal point, at most
 */
export function number(value, digits = 1) {
  return new Intl.NumberFormat(current, { maximumFractionDigits: digits }).format(value);
}

/** @param {number} share 0 to 1 */
export function percent(share) {
  return new Intl.NumberFormat(current, { style: "percent", maximumFractionDigits: 0 }).format(share);
}

/** @param {number} bytes */
export function size(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const style = {
    style: "unit",
    unit: units[step],
    unitDisplay: "short",
    maximumFractionDigits: step ? 1 : 0,
  };
  const words = new Intl.NumberFormat(current, /** @type {any} */ (style)).format(bytes / 1000 ** step);
  // A number and its unit stay on one line.
  return words.replace(" ", "\u00a0");
}

/** @param {string} moment as the service writes it */
export function dateTime(moment) {
  const style = /** @type {const} */ ({ dateStyle: "medium", timeStyle: "short" });
  return new Intl.DateTimeFormat(current, style).format(new Date(moment));
}

/**
 * A length of time in words: "8 s", "3 min 20 s", "2 h 5 min".
 * @param {number} seconds
 */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (hours) return `${number(hours)} h ${minutes} min`;
  if (minutes) return `${minutes} min ${rest} s`;
  return `${rest} s`;
}

/**
 * A moment of a film, as on a player: "1:02.48".
 * @param {number} seconds
 */
export function timecode(seconds) {
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds - 60 * minutes).toFixed(2).padStart(5, "0");
  return `${minutes}:${rest}`;
}
