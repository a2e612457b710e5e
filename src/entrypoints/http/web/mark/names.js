/** What marks are called: as people named them, or by their place in the list. */

import { t } from "../core/language.js";

/**
 * @param {{id: number, label: string | null}[]} marks all of a kind
 * @param {{id: number, label: string | null}} mark one of them
 * @param {string} words name of the sentence for those without a name
 */
export function nameOf(marks, mark, words) {
  const place = marks.findIndex(({ id }) => id === mark.id) + 1;
  return mark.label || t(words, { place });
}
