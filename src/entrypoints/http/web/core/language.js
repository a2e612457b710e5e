/** Texts of the console, and language-specific formatting of numbers and times. */

/** @typedef {"en" | "de"} Language */

/** @type {Record<Language, string>} */
export const LANGUAGES = { en: "English", de: "Deutsch" };

/**
 * Languages in which the service writes reports: not all of those of the console, once it has more.
 * @type {Language[]}
 */
const REPORT_LANGUAGES = ["en", "de"];

const STORAGE_KEY = "framecloak.language";

/** @type {Language} */
let current = "en";
/** @type {Record<string, string>} */
let texts = {};
let plurals = new Intl.PluralRules("en");

/** Return the current language. */
export function language() {
  return current;
}

/** Return the languages of a report with their names, as options of a list. */
export function reportLanguages() {
  return REPORT_LANGUAGES.map((code) => /** @type {[Language, string]} */ ([code, LANGUAGES[code]]));
}

/** Return the current language if reports can be written in it, or English. */
export function reportLanguage() {
  return REPORT_LANGUAGES.includes(current) ? current : "en";
}

/**
 * Return the stored language, or the browser's first language that is available.
 * @returns {Language}
 */
export function preferredLanguage() {
  const chosen = localStorage.getItem(STORAGE_KEY);
  const candidates = [chosen, ...navigator.languages].map((tag) => (tag ?? "").slice(0, 2).toLowerCase());
  return /** @type {Language} */ (candidates.find((tag) => tag in LANGUAGES) ?? "en");
}

/**
 * Load the texts of a language and make it the current one.
 * @param {Language} next
 */
export async function loadLanguage(next) {
  const answer = await fetch(new URL(`../languages/${next}.json`, import.meta.url));
  texts = await answer.json();
  current = next;
  plurals = new Intl.PluralRules(next);
  document.documentElement.lang = next;
}

/**
 * Store the chosen language for the next visit.
 * @param {Language} chosen
 */
export function storeLanguage(chosen) {
  localStorage.setItem(STORAGE_KEY, chosen);
}

/**
 * Return a text by its key, with `{name}` replaced by values.
 *
 * With a `count`, the text is `key.one` or `key.other`, by the plural rules of the language.
 * @param {string} name
 * @param {Record<string, string | number>} [values]
 */
export function t(name, values = {}) {
  const form = typeof values.count === "number" ? `${name}.${plurals.select(values.count)}` : name;
  const text = texts[form] ?? texts[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (_, key) => {
    const value = values[key];
    return typeof value === "number" ? number(value) : String(value ?? "");
  });
}

/**
 * Return whether there is a text of this key.
 * @param {string} name
 */
export function hasText(name) {
  return name in texts;
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
  const text = new Intl.NumberFormat(current, /** @type {any} */ (style)).format(bytes / 1000 ** step);
  // A number and its unit stay on one line.
  return text.replace(" ", "\u00a0");
}

/** @param {string} moment as the service writes it */
export function dateTime(moment) {
  const style = /** @type {const} */ ({ dateStyle: "medium", timeStyle: "short" });
  return new Intl.DateTimeFormat(current, style).format(new Date(moment));
}

/**
 * Format a duration: "8 s", "3 min 20 s", "2 h 5 min".
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
 * Format a position in a video: "1:02.48".
 * @param {number} seconds
 */
export function timecode(seconds) {
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds - 60 * minutes).toFixed(2).padStart(5, "0");
  return `${minutes}:${rest}`;
}
