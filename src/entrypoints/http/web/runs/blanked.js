/** Black frames of a result. */

import { t } from "../core/language.js";

/**
 * Return a message with the number of black frames; empty when there are none or the number is unknown.
 * @param {import("./progress-stream.js").Run} run
 */
export function blankedIn({ blanked_frames: count }) {
  return count ? t("runs.blanked", { count }) : "";
}
