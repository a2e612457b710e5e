/** Names of segments and regions: the user's label, or a numbered default. */

import { t } from "../core/language.js";

/**
 * @param {{id: number, label: string | null}[]} marks all segments or all regions
 * @param {{id: number, label: string | null}} mark one of them
 * @param {string} key text key of the default name
 */
export function nameOf(marks, mark, key) {
  const place = marks.findIndex(({ id }) => id === mark.id) + 1;
  return mark.label || t(key, { place });
}
