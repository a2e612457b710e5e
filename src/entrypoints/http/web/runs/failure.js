/** Error messages of failed runs. */

import { el } from "../core/dom.js";
import { hasText, language, t } from "../core/language.js";

/**
 * Return the console's message for an error code with the service's text as detail; without a message for the
 * code, the service's text alone.
 * @param {string} key text key of the sentence that the reason is inserted into
 * @param {import("./progress-stream.js").Run} run
 */
export function failureOf(key, { error, error_code: code }) {
  const detail = error ?? "";
  const name = `error.${code}`;
  if (!code || !hasText(name)) return { message: t(key, { why: detail }), detail: null };
  const lang = language() === "en" ? null : "en";
  return { message: t(key, { why: t(name, { detail }) }), detail: el("small", { lang }, detail) };
}
