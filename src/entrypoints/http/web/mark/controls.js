/** Actions on the current frame, by button and by key. */

import { el, fill } from "../core/dom.js";
import { t } from "../core/language.js";
import { frameKeys, frameSteps } from "../ui/frame-steps.js";
import { icon } from "../ui/icons.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("./marks.js").Marks} marks
 * @param {AbortSignal} signal
 */
export function controls(app, marks, signal) {
  if (!marks.mayEdit) return readOnlyControls(marks, signal);
  const ending = button("mark.out", "o", () => attempt(() => marks.end()));
  const whole = button("mark.whole", "", () => attempt(() => marks.addSegment(0, marks.video.frame_count)));
  const help = el("p", { class: "help" });

  function showMarks() {
    fill(help, marks.begun === null ? t("mark.keys") : t("mark.begun", { frame: marks.begun }));
    whole.classList.toggle("primary", marks.segments.length === 0 && marks.begun === null);
    ending.classList.toggle("primary", marks.begun !== null);
  }

  const addRegion = () => attempt(() => marks.addRegion(marks.middle));

  /** @param {() => Promise<unknown>} change */
  async function attempt(change) {
    try {
      await change();
    } catch (error) {
      app.announcer.problem(error);
    }
  }

  marks.addEventListener("marks", showMarks);
  frameKeys(marks, signal, { i: () => marks.begin(), o: () => attempt(() => marks.end()) });
  showMarks();
  return el(
    "div",
    { class: "controls" },
    frameSteps(marks),
    el(
      "div",
      { class: "actions" },
      button("mark.in", "i", () => marks.begin()),
      ending,
      whole,
      el("button", { type: "button", onclick: addRegion }, icon("region"), t("mark.addRegion")),
    ),
    help,
  );
}

/**
 * Controls for users without the right to edit.
 * @param {import("./marks.js").Marks} marks
 * @param {AbortSignal} signal
 */
function readOnlyControls(marks, signal) {
  frameKeys(marks, signal, {});
  return el("div", { class: "controls" }, frameSteps(marks), el("p", { class: "help" }, t("mark.fixedKeys")));
}

/**
 * @param {string} name
 * @param {string} key
 * @param {() => void} onclick
 */
function button(name, key, onclick) {
  const shortcut = key || null;
  return el(
    "button",
    { type: "button", "aria-keyshortcuts": shortcut, onclick },
    t(name),
    key && el("kbd", { "aria-hidden": "true" }, key.toUpperCase()),
  );
}
