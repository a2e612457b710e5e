/** What can be done with the frame that is looked at, by button and by key. */

import { el, fill } from "../core/dom.js";
import { t, timecode } from "../core/language.js";
import { icon } from "../ui/icons.js";
import { stepOf } from "./timeline.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("./marks.js").Marks} marks
 * @param {AbortSignal} signal
 */
export function controls(app, marks, signal) {
  const frame = el("input", {
    type: "number",
    min: 0,
    max: marks.lastFrame,
    "aria-label": t("mark.frame"),
    onchange: () => marks.seek(frame.valueAsNumber || 0),
  });
  const time = el("span", { class: "facts" });
  const ending = button("mark.out", "o", () => attempt(() => marks.end()));
  const whole = button("mark.whole", "", () => attempt(() => marks.addSegment(0, marks.video.frame_count)));
  const help = el("p", { class: "help" });

  function showFrame() {
    frame.value = String(marks.frame);
    time.textContent = t("mark.of", { last: marks.lastFrame, time: timecode(marks.seconds(marks.frame)) });
  }

  function showMarks() {
    fill(help, marks.begun === null ? t("mark.keys") : t("mark.begun", { frame: marks.begun }));
    whole.classList.toggle("primary", marks.segments.length === 0 && marks.begun === null);
    ending.classList.toggle("primary", marks.begun !== null);
  }

  function addRegion() {
    const { width, height } = marks.video;
    const area = { x: width * 0.375, y: height * 0.375, width: width / 4, height: height / 4 };
    attempt(() => marks.addRegion(area));
  }

  /** @param {() => Promise<unknown>} change */
  async function attempt(change) {
    try {
      await change();
    } catch (error) {
      app.announcer.problem(error);
    }
  }

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("input, select, textarea, dialog, summary") || event.ctrlKey || event.metaKey) return;
    const way = stepOf(event);
    const key = event.key.toLowerCase();
    if (way && event.key !== "ArrowUp" && event.key !== "ArrowDown") marks.seek(marks.frame + way);
    else if (key === "i") marks.begin();
    else if (key === "o") attempt(() => marks.end());
    else return;
    event.preventDefault();
  }

  marks.addEventListener("frame", showFrame);
  marks.addEventListener("marks", showMarks);
  document.addEventListener("keydown", pressed, { signal });
  showFrame();
  showMarks();
  return el(
    "div",
    { class: "controls" },
    el(
      "div",
      { class: "actions" },
      step(-10, "mark.back10", "−10"),
      step(-1, "mark.back", "", "previous"),
      el("div", { class: "place" }, el("span", { "aria-hidden": "true" }, t("mark.frame")), frame, time),
      step(1, "mark.forward", "", "next"),
      step(10, "mark.forward10", "+10"),
    ),
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

  /**
   * @param {number} frames
   * @param {string} name
   * @param {string} words
   * @param {"previous" | "next"} [drawing]
   */
  function step(frames, name, words, drawing) {
    const move = () => marks.seek(marks.frame + frames);
    const label = t(name);
    return el(
      "button",
      { type: "button", "aria-label": label, title: label, onclick: move },
      drawing ? icon(drawing) : words,
    );
  }
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
