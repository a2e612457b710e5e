/** Actions on the current frame, by button and by key. */

import { el, fill } from "../core/dom.js";
import { t } from "../core/language.js";
import { frameKeys, frameSteps } from "../ui/frame-steps.js";
import { icon } from "../ui/icons.js";
import { Playback } from "../ui/playback.js";
import { markShortcuts } from "../ui/shortcuts.js";
import { viewerTools } from "../ui/viewer-tools.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("./marks.js").Marks} marks
 * @param {AbortSignal} signal
 */
export function controls(app, marks, signal) {
  const undoable = marks.mayEdit ? marks : null;
  const playback = new Playback(marks, signal);
  const tools = viewerTools(app, playback, markShortcuts(marks.mayEdit), undoable, "marks", signal);
  if (!marks.mayEdit) return readOnlyControls(marks, tools, signal);
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
  frameKeys(marks, signal, { ...tools.keys, i: () => marks.begin(), o: () => attempt(() => marks.end()) });
  showMarks();
  return el(
    "div",
    { class: "controls" },
    frameSteps(marks),
    tools.node,
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
 * @param {ReturnType<typeof viewerTools>} tools
 * @param {AbortSignal} signal
 */
function readOnlyControls(marks, tools, signal) {
  frameKeys(marks, signal, tools.keys);
  const help = el("p", { class: "help" }, t("mark.fixedKeys"));
  return el("div", { class: "controls" }, frameSteps(marks), tools.node, help);
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
