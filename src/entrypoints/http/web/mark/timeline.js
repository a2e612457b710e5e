/** Timeline of the video: a playhead, and segments that can be moved and resized. */

import { el, refill } from "../core/dom.js";
import { t, timecode } from "../core/language.js";
import { Debounced } from "../core/debounce.js";
import { stepOf } from "../ui/frame-steps.js";
import { filmstrip } from "./filmstrip.js";
import { nameOf } from "./names.js";

const TICKS = 6;

/**
 * @param {import("../app.js").App} app
 * @param {import("./marks.js").Marks} marks
 * @param {AbortSignal} signal
 */
export function timeline(app, marks, signal) {
  const { video } = marks;
  /** @type {Debounced<import("./marks.js").Segment>} */
  const nudges = new Debounced();
  const head = el("div", { class: "playhead" });
  const begun = el("div", { class: "begun", hidden: true });
  const segments = el("div", { class: "segments" });
  const line = el(
    "div",
    {
      class: "line",
      role: "slider",
      tabindex: "0",
      "aria-label": t("timeline.title"),
      "aria-valuemin": 0,
      "aria-valuemax": marks.lastFrame,
      onpointerdown: scrub,
      onkeydown: onKey,
    },
    filmstrip(video, signal),
    begun,
    head,
  );

  function showFrame() {
    const middle = marks.frame + 0.5;
    head.style.left = `${(100 * middle) / video.frame_count}%`;
    line.setAttribute("aria-valuenow", String(marks.frame));
    const time = timecode(marks.seconds(marks.frame));
    line.setAttribute("aria-valuetext", t("timeline.value", { frame: marks.frame, time }));
    showBegun();
  }

  function showBegun() {
    begun.hidden = marks.begun === null;
    if (marks.begun === null) return;
    const [first, last] = [Math.min(marks.begun, marks.frame), Math.max(marks.begun, marks.frame)];
    put(begun, first, last + 1);
  }

  function showMarks() {
    refill(segments, marks.segments.map(segmentBar));
    showBegun();
  }

  /** @param {import("./marks.js").Segment} segment */
  function segmentBar(segment) {
    const name = nameOf(marks.segments, segment, "segment.name");
    if (!marks.mayEdit) return readOnlyBar(segment, name);
    const ends = /** @type {const} */ (["start", "end"]).map((end) =>
      el("span", {
        class: `grip ${end}`,
        role: "slider",
        tabindex: "0",
        "data-key": `${segment.id} ${end}`,
        "aria-label": t(`segment.${end}Of`, { name }),
        "aria-valuemin": 0,
        "aria-valuemax": marks.lastFrame,
        "aria-valuenow": end === "start" ? segment.start_frame : segment.end_frame - 1,
        onpointerdown: (/** @type {PointerEvent} */ event) => drag(event, bar, segment, end),
        onkeydown: (/** @type {KeyboardEvent} */ event) => nudged(event, bar, segment, end),
      }),
    );
    const move = (/** @type {PointerEvent} */ event) => drag(event, bar, segment, "move");
    const bar = el(
      "div",
      { class: "segment", onpointerdown: move },
      ends[0],
      el("span", { class: "name" }, name),
      ends[1],
    );
    put(bar, segment.start_frame, segment.end_frame);
    return bar;
  }

  /**
   * Segment for users without the right to edit.
   * @param {import("./marks.js").Segment} segment
   * @param {string} name
   */
  function readOnlyBar(segment, name) {
    const bar = el("div", { class: "segment fixed" }, el("span", { class: "name" }, name));
    put(bar, segment.start_frame, segment.end_frame);
    return bar;
  }

  /**
   * @param {PointerEvent} event
   * @param {HTMLElement} bar
   * @param {import("./marks.js").Segment} segment
   * @param {"move" | "start" | "end"} how
   */
  function drag(event, bar, segment, how) {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    const from = frameAt(event);
    let limits = segment;
    const gesture = new AbortController();
    const { signal } = gesture;
    const moved = (/** @type {PointerEvent} */ move) => {
      limits = changed(segment, how, frameAt(move) - from);
      put(bar, limits.start_frame, limits.end_frame);
      // Show the frame at the dragged end.
      marks.seek(how === "end" ? limits.end_frame - 1 : limits.start_frame);
    };
    bar.setPointerCapture(event.pointerId);
    bar.addEventListener("pointermove", moved, { signal });
    for (const end of ["pointerup", "pointercancel"]) {
      bar.addEventListener(end, () => (gesture.abort(), save(segment, limits)), { signal });
    }
  }

  /**
   * @param {KeyboardEvent} event
   * @param {HTMLElement} bar
   * @param {import("./marks.js").Segment} segment
   * @param {"start" | "end"} end
   */
  function nudged(event, bar, segment, end) {
    const frames = stepOf(event);
    if (!frames) return;
    event.preventDefault();
    event.stopPropagation();
    const limits = changed(nudges.value ?? segment, end, frames);
    put(bar, limits.start_frame, limits.end_frame);
    marks.seek(end === "end" ? limits.end_frame - 1 : limits.start_frame);
    nudges.schedule(limits, (last) => save(segment, last));
  }

  /**
   * @param {import("./marks.js").Segment} segment
   * @param {"move" | "start" | "end"} how
   * @param {number} frames
   */
  function changed(segment, how, frames) {
    let { start_frame: start, end_frame: end } = segment;
    if (how === "start") start = Math.min(end - 1, Math.max(0, start + frames));
    else if (how === "end") end = Math.max(start + 1, Math.min(video.frame_count, end + frames));
    else {
      const offset = Math.max(-start, Math.min(video.frame_count - end, frames));
      [start, end] = [start + offset, end + offset];
    }
    return { ...segment, start_frame: start, end_frame: end };
  }

  /**
   * @param {import("./marks.js").Segment} segment
   * @param {import("./marks.js").Segment} to
   */
  function save(segment, { start_frame, end_frame }) {
    if (start_frame === segment.start_frame && end_frame === segment.end_frame) return;
    marks.changeSegment(segment, { start_frame, end_frame }).catch((error) => app.announcer.problem(error));
  }

  /** @param {PointerEvent} event */
  function scrub(event) {
    if (event.button !== 0) return;
    const gesture = new AbortController();
    const { signal } = gesture;
    marks.seek(frameAt(event));
    line.setPointerCapture(event.pointerId);
    line.addEventListener("pointermove", (move) => marks.seek(frameAt(move)), { signal });
    for (const end of ["pointerup", "pointercancel"])
      line.addEventListener(end, () => gesture.abort(), { signal });
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const frames = stepOf(event);
    if (!frames) return;
    event.preventDefault();
    event.stopPropagation();
    marks.seek(marks.frame + frames);
  }

  /** @param {PointerEvent} event */
  function frameAt(event) {
    const { left, width } = line.getBoundingClientRect();
    return Math.min(
      marks.lastFrame,
      Math.max(0, Math.floor(((event.clientX - left) / width) * video.frame_count)),
    );
  }

  /**
   * @param {HTMLElement} node
   * @param {number} start
   * @param {number} end
   */
  function put(node, start, end) {
    node.style.left = `${(100 * start) / video.frame_count}%`;
    node.style.width = `${(100 * (end - start)) / video.frame_count}%`;
  }

  const ticks = Array.from({ length: TICKS }, (_, index) =>
    el("span", {}, timecode((video.duration * index) / (TICKS - 1))),
  );
  marks.addEventListener("frame", showFrame);
  marks.addEventListener("marks", showMarks);
  showFrame();
  showMarks();
  return el(
    "div",
    { class: "timeline" },
    line,
    segments,
    el("div", { class: "ticks", "aria-hidden": "true" }, ticks),
  );
}
