/** Frames of a result that are black. */

import { t } from "../core/language.js";

/**
 * How many there are, in words; empty when there are none, or when that is not known.
 * @param {import("./follow.js").Run} run
 */
export function blankedIn({ blanked_frames: count }) {
  return count ? t("runs.blanked", { count }) : "";
}
