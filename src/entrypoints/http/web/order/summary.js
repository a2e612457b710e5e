/** Size and estimated duration of an order, and the button that submits it. */

import { el } from "../core/dom.js";
import { duration, number, t } from "../core/language.js";
import { nameOf, thumbnail } from "../videos/video.js";

/**
 * @typedef {object} Options options as returned by the API
 * @property {string} anonymization_level
 * @property {string} output_format
 * @property {string} verify
 * @property {string[]} levels
 * @property {number} max_frames
 * @property {number} frames_waiting
 * @property {number} seconds_waiting
 * @property {Efforts} efforts
 * @property {TimeModel} time_model
 *
 * @typedef {object} TimeModel times in seconds, measured on the orders of the installation
 * @property {number} startup_seconds
 * @property {number} frame_seconds for a frame of effort 1
 * @property {number} lower_factor
 * @property {number} upper_factor
 *
 * @typedef {object} Efforts processing time of a frame, relative to the default options
 * @property {Record<string, number>} level
 * @property {Record<string, number>} verify
 * @property {Record<string, number>} megapixel additional effort for a million pixels, by format
 * @property {number} margin_frames frames around an order that are searched, too
 * @property {number} size_exponent exponent of the size, relative to 1920 by 1080, in the time of the detection
 */

/**
 * Return the relative processing time of frames.
 * @param {number} frames
 * @param {Efforts} efforts
 * @param {{ level: string, verify: string, format: string }} order
 * @param {import("../videos/video.js").Video} video
 */
function effort(frames, efforts, { level, verify, format }, { width, height }) {
  const pixels = width * height;
  const size = (pixels / (1920 * 1080)) ** efforts.size_exponent;
  const searched = efforts.level[level] * efforts.verify[verify] * size;
  return (frames + efforts.margin_frames) * searched + (frames * efforts.megapixel[format] * pixels) / 1e6;
}

/**
 * @param {TimeModel} model
 * @param {number} waiting seconds of the orders before
 * @param {number} work frames, each times its effort
 */
function timeRange({ startup_seconds, frame_seconds, lower_factor, upper_factor }, waiting, work) {
  const seconds = waiting + startup_seconds + work * frame_seconds;
  return rangeOf({ shortest: seconds * lower_factor, longest: seconds * upper_factor });
}

/**
 * Format a range of seconds for a text.
 * @param {{shortest: number, longest: number}} range
 */
export function rangeOf({ shortest, longest }) {
  return { shortest: duration(Math.max(1, shortest)), longest: duration(Math.max(1, longest)) };
}

/**
 * @param {import("../videos/video.js").Video} video
 * @param {Options} options
 */
export function orderSummary(video, options) {
  const estimate = el("p", { class: "estimate" });
  const time = el("p", { class: "facts" });
  const problem = el("p", { class: "notice" });
  const start = el("button", { type: "submit", class: "primary wide" }, t("run.action"));
  const node = el(
    "aside",
    { class: "card finish", "aria-label": t("run.summary") },
    thumbnail(video),
    el("h2", {}, nameOf(video)),
    el("div", { "aria-live": "polite" }, estimate, time, problem),
    start,
  );

  /**
   * @param {number} frames
   * @param {{ level: string, verify: string, format: string }} order
   * @param {string} warning empty for none
   */
  function show(frames, order, warning) {
    const { max_frames: max, seconds_waiting: waiting } = options;
    const isTooMany = frames > max;
    const work = effort(frames, options.efforts, order, video);
    const key = waiting ? "run.estimateQueued" : "run.estimate";
    estimate.textContent = t("frames", { count: frames });
    time.textContent = frames && !isTooMany ? t(key, timeRange(options.time_model, waiting, work)) : "";
    problem.textContent = warning;
    if (isTooMany) problem.textContent = t("run.tooMany", { most: number(max) });
    if (!frames) problem.textContent = t("run.nothing");
    problem.hidden = !problem.textContent;
    start.disabled = !frames || isTooMany;
  }

  return { node, show };
}
