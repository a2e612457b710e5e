/** Which frame is looked at: by button, by number and by key. */

import { el } from "../core/dom.js";
import { t, timecode } from "../core/language.js";
import { icon } from "./icons.js";

/** Frames that one press of a key moves, without and with shift. */
const STEPS = { small: 1, large: 10 };

/**
 * What is looked at frame by frame; it dispatches `frame` when another one is.
 * @typedef {EventTarget & {
 *   frame: number,
 *   lastFrame: number,
 *   seek: (frame: number) => void,
 *   move: (frames: number) => void,
 *   seconds: (frame: number) => number | null,
 * }} Film
 */

/**
 * Buttons for steps back and forth, and the number of the frame.
 * @param {Film} film
 */
export function frameSteps(film) {
  const frame = el("input", {
    type: "number",
    min: 0,
    max: film.lastFrame,
    "aria-label": t("mark.frame"),
    onchange: () => {
      film.seek(frame.valueAsNumber || 0);
      show();
    },
  });
  const place = el("span", { class: "facts" });
  function show() {
    frame.value = String(film.frame);
    const seconds = film.seconds(film.frame);
    const time = seconds === null ? "" : ` · ${timecode(seconds)}`;
    place.textContent = t("mark.of", { last: film.lastFrame }) + time;
  }

  /**
   * @param {number} frames
   * @param {string} label
   * @param {import("../core/dom.js").Child} words
   */
  function step(frames, label, words) {
    const move = () => film.move(frames);
    return el("button", { type: "button", "aria-label": label, title: label, onclick: move }, words);
  }

  film.addEventListener("frame", show);
  show();
  return el(
    "div",
    { class: "actions" },
    step(-STEPS.large, t("mark.back10"), "−10"),
    step(-STEPS.small, t("mark.back"), icon("previous")),
    el("div", { class: "place" }, el("span", { "aria-hidden": "true" }, t("mark.frame")), frame, place),
    step(STEPS.small, t("mark.forward"), icon("next")),
    step(STEPS.large, t("mark.forward10"), "+10"),
  );
}

/**
 * Arrow keys go from frame to frame, wherever on the page nobody types.
 * @param {Film} film
 * @param {AbortSignal} signal
 * @param {Record<string, () => void>} more what other keys do
 */
export function frameKeys(film, signal, more) {
  /** @param {KeyboardEvent} event */
  function pressed(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("input, select, textarea, dialog, summary") || event.ctrlKey || event.metaKey) return;
    const way = stepOf(event);
    const act = more[event.key.toLowerCase()];
    if (way && event.key !== "ArrowUp" && event.key !== "ArrowDown") film.move(way);
    else if (act) act();
    else return;
    event.preventDefault();
  }
  document.addEventListener("keydown", pressed, { signal });
}

/**
 * Frames that a key means; 0 for other keys.
 * @param {KeyboardEvent} event
 */
export function stepOf(event) {
  const step = event.shiftKey ? STEPS.large : STEPS.small;
  /** @type {Record<string, number>} */
  const ways = {
    ArrowLeft: -step,
    ArrowDown: -step,
    ArrowRight: step,
    ArrowUp: step,
    Home: -Infinity,
    End: Infinity,
  };
  return event.altKey || event.ctrlKey || event.metaKey ? 0 : (ways[event.key] ?? 0);
}
