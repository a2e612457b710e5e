/** Why a run failed. */

import { el } from "../core/dom.js";
import { hasWords, language, t } from "../core/language.js";

/**
 * In the words of the console, and beside them as the service says it; where there are none, as it says it alone.
 * @param {string} words name of the sentence that the reason is put in
 * @param {import("./follow.js").Run} run
 */
export function failureOf(words, { error, error_code: code }) {
  const detail = error ?? "";
  const name = `error.${code}`;
  if (!code || !hasWords(name)) return { told: t(words, { why: detail }), detail: null };
  const lang = language() === "en" ? null : "en";
  return { told: t(words, { why: t(name, { detail }) }), detail: el("small", { lang }, detail) };
}
