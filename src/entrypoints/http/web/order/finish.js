/** What an order comes to, and the button that sends it. */

import { el } from "../core/dom.js";
import { duration, number, t } from "../core/language.js";
import { thumbnail } from "../videos/video.js";

/**
 * @typedef {object} Options of the service
 * @property {string} anonymization_level
 * @property {string} output_format
 * @property {string} verify
 * @property {string[]} levels
 * @property {number} max_frames
 * @property {number} frames_per_second
 * @property {number} frames_waiting
 * @property {number} seconds_waiting
 * @property {Efforts} efforts
 *
 * @typedef {object} Efforts what a frame takes, beside a usual one
 * @property {Record<string, number>} level
 * @property {Record<string, number>} verify
 * @property {number} film more, for a film
 */

/**
 * @param {Efforts} efforts
 * @param {{ level: string, verify: string, format: string }} order
 */
function effort(efforts, { level, verify, format }) {
  const checking = level === "minimal" ? 1 : efforts.verify[verify];
  return efforts.level[level] * checking + (format === "mp4" ? efforts.film : 0);
}

/**
 * @param {import("../videos/video.js").Video} video
 * @param {Options} options
 */
export function finish(video, options) {
  const estimate = el("p", { class: "estimate" });
  const time = el("p", { class: "facts" });
  const problem = el("p", { class: "notice" });
  const start = el("button", { type: "submit", class: "primary wide" }, t("run.action"));
  const node = el(
    "aside",
    { class: "card finish", "aria-label": t("run.summary") },
    thumbnail(video),
    el("h2", {}, video.filename),
    el("div", { "aria-live": "polite" }, estimate, time, problem),
    start,
  );

  /**
   * @param {number} frames
   * @param {{ level: string, verify: string, format: string }} order
   * @param {string} warning what else should be known; empty for nothing
   */
  function show(frames, order, warning) {
    const { max_frames: most, frames_per_second: rate, seconds_waiting: waiting } = options;
    const isTooMuch = frames > most;
    const seconds = Math.max(1, waiting + (frames * effort(options.efforts, order)) / rate);
    const words = waiting ? "run.estimateQueued" : "run.estimate";
    estimate.textContent = t("frames", { count: frames });
    time.textContent = frames && !isTooMuch ? t(words, { time: duration(seconds) }) : "";
    problem.textContent = warning;
    if (isTooMuch) problem.textContent = t("run.tooMany", { most: number(most) });
    if (!frames) problem.textContent = t("run.nothing");
    problem.hidden = !problem.textContent;
    start.disabled = !frames || isTooMuch;
  }

  return { node, show };
}
