/** Error messages of failed runs and rejected orders. */

import { el } from "../core/dom.js";
import { hasText, language, t } from "../core/language.js";

/**
 * Return the console's message for an error code; without one, the service's text.
 * @param {{error: string | null, error_code: string | null}} failed
 */
export function reasonOf({ error, error_code: code }) {
  const detail = error ?? "";
  const name = `error.${code}`;
  return code && hasText(name) ? t(name, { detail }) : detail;
}

/**
 * Return the console's message for an error code with the service's text as detail; without a message for the
 * code, the service's text alone.
 * @param {string} key text key of the sentence that the reason is inserted into
 * @param {import("./progress-stream.js").Run} run
 */
export function failureOf(key, run) {
  const detail = run.error ?? "";
  const reason = reasonOf(run);
  const lang = language() === "en" ? null : "en";
  return { message: t(key, { why: reason }), detail: reason === detail ? null : el("small", { lang }, detail) };
}
