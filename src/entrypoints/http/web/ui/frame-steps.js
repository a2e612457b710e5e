/** Navigation between frames: by button, by number and by key. */

import { el } from "../core/dom.js";
import { t, timecode } from "../core/language.js";
import { icon } from "./icons.js";
import { isTyping } from "./shortcuts.js";

/** Frames per key press, without and with Shift. */
const STEPS = { small: 1, large: 10 };

/**
 * Something viewed frame by frame; dispatches `frame` when the current frame changes.
 * @typedef {EventTarget & {
 *   frame: number,
 *   lastFrame: number,
 *   seek: (frame: number) => void,
 *   move: (frames: number) => void,
 *   seconds: (frame: number) => number | null,
 * }} FrameNavigator
 */

/**
 * Buttons for steps back and forth, and an input for the frame number.
 * @param {FrameNavigator} navigator
 */
export function frameSteps(navigator) {
  const frame = el("input", {
    type: "number",
    min: 0,
    max: navigator.lastFrame,
    "aria-label": t("mark.frame"),
    onchange: () => {
      navigator.seek(frame.valueAsNumber || 0);
      show();
    },
  });
  const place = el("span", { class: "facts" });
  function show() {
    frame.value = String(navigator.frame);
    const seconds = navigator.seconds(navigator.frame);
    const time = seconds === null ? "" : ` · ${timecode(seconds)}`;
    place.textContent = t("mark.of", { last: navigator.lastFrame }) + time;
  }

  /**
   * @param {number} frames
   * @param {string} label
   * @param {import("../core/dom.js").Child} text
   */
  function step(frames, label, text) {
    const move = () => navigator.move(frames);
    return el("button", { type: "button", "aria-label": label, title: label, onclick: move }, text);
  }

  navigator.addEventListener("frame", show);
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
 * Move between frames with the arrow keys, except while an input has the focus.
 * @param {FrameNavigator} navigator
 * @param {AbortSignal} signal
 * @param {Record<string, () => void>} shortcuts actions of other keys, by their names
 */
export function frameKeys(navigator, signal, shortcuts) {
  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const isCombined = event.ctrlKey || event.metaKey;
    // A control keeps the keys that it needs itself; combinations are taken from fields only.
    if (isCombined ? isTyping(event) : target.closest("input, select, textarea, dialog, summary")) return;
    if (event.key === " " && target.closest("button, a")) return;
    const frames = stepOf(event);
    const act = shortcuts[nameOf(event)];
    if (frames && event.key !== "ArrowUp" && event.key !== "ArrowDown") navigator.move(frames);
    else if (act) act();
    else return;
    event.preventDefault();
  }
  document.addEventListener("keydown", onKey, { signal });
}

/**
 * Return the name of a key with Ctrl (or Command) and, together with that, Shift: `i`, `ctrl+shift+z`.
 * @param {KeyboardEvent} event
 */
function nameOf(event) {
  const key = event.key.toLowerCase();
  if (!event.ctrlKey && !event.metaKey) return key;
  return event.shiftKey ? `ctrl+shift+${key}` : `ctrl+${key}`;
}

/**
 * Return the number of frames to move for a key; 0 for other keys.
 * @param {KeyboardEvent} event
 */
export function stepOf(event) {
  const step = event.shiftKey ? STEPS.large : STEPS.small;
  /** @type {Record<string, number>} */
  const steps = {
    ArrowLeft: -step,
    ArrowDown: -step,
    ArrowRight: step,
    ArrowUp: step,
    Home: -Infinity,
    End: Infinity,
  };
  return event.altKey || event.ctrlKey || event.metaKey ? 0 : (steps[event.key] ?? 0);
}
