/** List of the text of a result: covered or readable and why, with a button that flips a whole track. */

import { el, fill, uniqueId } from "../core/dom.js";
import { t } from "../core/language.js";
import { actionButton } from "../ui/buttons.js";

/** Number of tracks that are listed. */
const LIMIT = 1000;

/**
 * @typedef {object} TextRange frames with the same decision
 * @property {number} start_frame
 * @property {number} end_frame exclusive
 * @property {string} rule
 * @property {boolean} kept whether the text policy kept it
 * @property {boolean} covered whether it is covered in all these frames
 * @property {{frame: number, xyxy: number[]}[]} places boxes of kept text, each up to the frame of the next one
 *
 * @typedef {{track: number, covered: boolean, ranges: TextRange[]}} TextTrack
 */

/**
 * Return the list; null when the text policy of the run decides on no text.
 * @param {import("../app.js").App} app
 * @param {import("./result.js").Result} result
 * @param {AbortSignal} signal
 */
export function textPanel(app, result, signal) {
  if (result.run.text.mode === "all") return null;
  const list = el("ul", {});
  const note = el("p", { class: "help" }, t("loading"));

  /** @param {{items: TextTrack[], total: number}} page */
  function show({ items, total }) {
    note.textContent = items.length < total ? t("review.texts.more", { shown: items.length, total }) : "";
    if (!items.length) note.textContent = t("review.texts.none");
    note.hidden = !note.textContent;
    fill(
      list,
      items.map((track) => item(app, result, track)),
    );
  }

  async function load() {
    try {
      show(await app.api.get(`${result.path}/texts/`, { query: { limit: LIMIT }, signal }));
    } catch (error) {
      if (!signal.aborted) app.announcer.problem(error);
    }
  }

  load();
  const heading = uniqueId("texts");
  return el(
    "section",
    { class: "card texts", "aria-labelledby": heading },
    el("h2", { id: heading }, t("review.texts")),
    el("p", { class: "help" }, t("review.textsHelp")),
    note,
    el("div", { class: "boxes" }, list),
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {import("./result.js").Result} result
 * @param {TextTrack} track
 */
function item(app, result, track) {
  const { ranges } = track;
  const first = ranges[0].start_frame;
  const last = ranges[ranges.length - 1].end_frame - 1;
  const name = t("review.tracked", { name: t("review.kind.text"), track: track.track });
  const rules = [...new Set(ranges.map(({ rule }) => t(`review.rule.${rule}`)))].join(", ");
  const state = el("small", {});
  const open = el(
    "button",
    { type: "button", class: "quiet name", onclick: () => result.seek(first) },
    el("span", { class: "swatch", "data-kind": "text", "aria-hidden": "true" }),
    el("span", {}, name),
    state,
  );
  const button = actionButton(app, {}, flip, "");
  const caption = el("span", {});
  fill(button, caption);

  function show() {
    const isCovered = coveredNow(result.boxes, track);
    const frames = t("review.texts.frames", { first, last });
    state.textContent = [t(isCovered ? "review.texts.covered" : "review.texts.readable"), rules, frames].join(" · ");
    caption.textContent = t(isCovered ? "review.texts.keep" : "review.texts.cover");
    button.setAttribute("aria-label", t(isCovered ? "review.texts.keepOf" : "review.texts.coverOf", { name }));
  }

  async function flip() {
    if (coveredNow(result.boxes, track)) await uncover(result.boxes, track);
    else await cover(result.boxes, track);
  }

  result.addEventListener("boxes", show);
  show();
  return el("li", { class: "mark" }, open, result.canEdit && button);
}

/**
 * Return whether text is covered, with the edits that are not rendered yet.
 * @param {import("./boxes.js").Boxes} boxes
 * @param {TextTrack} track
 */
function coveredNow(boxes, { track, ranges }) {
  return ranges.every(({ start_frame: frame, covered }) => {
    const shown = boxes.at(frame);
    return shown ? shown.some((box) => isOf(track, box)) : covered;
  });
}

/**
 * @param {number} track
 * @param {import("./box.js").Box} box
 */
function isOf(track, box) {
  return box.track === track && (box.kind === "text" || box.kind === "plate");
}

/** @param {TextTrack} track */
function frameRange({ ranges }) {
  return { first: ranges[0].start_frame, last: ranges[ranges.length - 1].end_frame - 1 };
}

/**
 * Cover a track wherever it is readable.
 * @param {import("./boxes.js").Boxes} boxes
 * @param {TextTrack} text
 */
async function cover(boxes, text) {
  await boxes.edit(frameRange(text), (before, frame) => {
    const place = placeOf(text, frame);
    if (!place || before.some((box) => isOf(text.track, box))) return before;
    const box = { id: `text ${text.track}`, xyxy: place.xyxy, kind: /** @type {const} */ ("text"), track: text.track };
    return [...before, { ...box, score: null, origin: "manual" }];
  });
}

/**
 * Leave a track readable in all frames.
 * @param {import("./boxes.js").Boxes} boxes
 * @param {TextTrack} text
 */
async function uncover(boxes, text) {
  await boxes.edit(frameRange(text), (before) => before.filter((box) => !isOf(text.track, box)));
}

/**
 * Return the box of kept text in a frame.
 * @param {TextTrack} text
 * @param {number} frame
 */
function placeOf({ ranges }, frame) {
  const range = ranges.find(({ start_frame: start, end_frame: end }) => start <= frame && frame < end);
  return range?.places.findLast((place) => place.frame <= frame);
}
