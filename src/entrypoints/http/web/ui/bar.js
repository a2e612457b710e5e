/** A fraction as a bar; hidden from screen readers, which read the number beside it. */

import { svg } from "../core/dom.js";

/** @param {number} share 0 to 1 */
export function bar(share) {
  const width = `${100 * Math.min(1, Math.max(0, share))}%`;
  return svg("svg", { class: "bar", "aria-hidden": "true" }, svg("rect", { width, height: "100%", rx: 3 }));
}
