/** Order the anonymised frames of a video. */

import { el } from "../core/dom.js";
import { duration, language, t } from "../core/language.js";
import { go, link } from "../core/router.js";
import { nameOf } from "../mark/names.js";
import { measuredRate } from "../runs/rate.js";
import { choices, field, form, select } from "../ui/fields.js";
import { loaded } from "../ui/states.js";
import { thumbnail } from "./videos.js";

const LEVELS = ["faces", "full", "minimal"];
const FORMATS = ["jpg", "png", "webp", "mp4"];
/** One film for every segment instead of pictures. */
const FILM = "mp4";
const REDACTIONS = ["solid", "pixelate", "blur"];
/** Of these, the quality cannot be chosen. */
const LOSSLESS = new Set(["png"]);
const QUALITY = 90;
const WHOLE = 0;

/**
 * @typedef {object} Order what the form is made from
 * @property {import("./videos.js").Video} video
 * @property {import("../mark/marks.js").Segment[]} segments
 * @property {number | null} rate frames a second of earlier runs
 */

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} place
 * @param {AbortSignal} signal
 */
export function run(app, place, signal) {
  const path = `/api/videos/${encodeURIComponent(place.params.id)}`;
  async function load() {
    const video = await app.api.get(path, { signal });
    const [segments, rate] = await Promise.all([
      app.api.get(`${path}/segments/`, { signal }),
      measuredRate(app.api, signal),
    ]);
    return { video, segments, rate };
  }
  return el(
    "div",
    {},
    el("a", { class: "up", href: link(`/videos/${place.params.id}`) }, t("run.back")),
    el("h1", { tabindex: "-1" }, t("run.title")),
    loaded(app.api, signal, load, (order) => orderForm(app, order)).node,
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {Order} order
 */
function orderForm(app, { video, segments, rate }) {
  const parts = segments.length
    ? segments
    : [{ id: WHOLE, start_frame: 0, end_frame: video.frame_count, label: t("run.wholeVideo") }];
  const format = select(
    FORMATS.map((one) => [one, t(`format.${one}`)]),
    FORMATS[0],
    { onchange: update },
  );
  const quality = el("input", {
    type: "range",
    min: 30,
    max: 100,
    step: 5,
    value: String(QUALITY),
    oninput: update,
  });
  const qualityField = field(t("run.quality"), quality, t("run.qualityHelp"));
  const sound = el("input", { type: "checkbox" });
  const soundField = el(
    "label",
    { class: "check" },
    sound,
    t("run.sound"),
    el("small", {}, t("run.soundHelp")),
  );
  const estimate = el("p", { class: "estimate", "aria-live": "polite" });
  const node = form(
    { class: "order", onchange: update },
    submit,
    el("div", { class: "card summary" }, thumbnail(video), el("h2", {}, video.filename)),
    el(
      "fieldset",
      {},
      el("legend", {}, t("run.what")),
      parts.map(partChoice),
      !segments.length && el("p", { class: "help" }, t("run.noSegments")),
    ),
    choices(t("run.level"), "level", LEVELS.map(option("level")), LEVELS[0]),
    choices(t("run.redaction"), "redaction", REDACTIONS.map(option("redaction")), REDACTIONS[0]),
    el(
      "fieldset",
      { class: "row" },
      el("legend", {}, t("run.output")),
      field(t("run.format"), format),
      qualityField,
      soundField,
    ),
    el(
      "div",
      { class: "finish" },
      estimate,
      el("button", { type: "submit", class: "primary wide" }, t("run.action")),
    ),
  );

  /** @param {{id: number, start_frame: number, end_frame: number, label: string | null}} part */
  function partChoice(part) {
    const { id, start_frame: start, end_frame: end } = part;
    const input = el("input", {
      type: "checkbox",
      name: "segment",
      value: String(id),
      checked: true,
      disabled: id === WHOLE,
    });
    const words = t("run.part", { name: nameOf(parts, part, "segment"), first: start, last: end - 1 });
    return el(
      "label",
      { class: "check" },
      input,
      words,
      el("small", {}, t("frames", { count: end - start })),
    );
  }

  function chosenParts() {
    const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (
      node.querySelectorAll("[name=segment]:checked")
    );
    const wanted = new Set([...boxes].map((box) => Number(box.value)));
    return parts.filter(({ id }) => wanted.has(id));
  }

  function update() {
    const frames = framesOf(chosenParts());
    qualityField.hidden = LOSSLESS.has(format.value);
    soundField.hidden = format.value !== FILM;
    quality.setAttribute("aria-valuetext", quality.value);
    const words = [t("frames", { count: frames })];
    if (!frames) words.splice(0, 1, t("run.nothing"));
    else
      words.push(
        rate ? t("run.estimate", { time: duration(Math.max(1, frames / rate)) }) : t("run.noEstimate"),
      );
    estimate.textContent = words.join(" · ");
  }

  async function submit() {
    const data = new FormData(node);
    const submitted = await app.api.post("/api/frames/anonymize/", {
      video_id: video.id,
      segment_ids: await segmentIds(),
      anonymization_level: data.get("level"),
      output_format: format.value,
      redaction: data.get("redaction"),
      quality: Number(quality.value),
      // Pictures have no sound to keep.
      audio: sound.checked && format.value === FILM ? "keep" : "drop",
      language: language(),
    });
    app.announcer.say(t("run.started", { time: duration(submitted.estimated_processing_time) }));
    go("/runs");
  }

  /** Numbers of the segments; the whole video is marked as one when nothing else is. */
  async function segmentIds() {
    if (segments.length) return chosenParts().map(({ id }) => id);
    const body = { start_frame: 0, end_frame: video.frame_count };
    const made = await app.api.post(`/api/videos/${video.id}/segments/`, body);
    segments.push(made);
    parts.splice(0, 1, made);
    return [made.id];
  }

  update();
  return node;
}

/** @param {string} kind */
function option(kind) {
  return (/** @type {string} */ value) => ({
    value,
    label: t(`${kind}.${value}`),
    help: t(`${kind}.${value}Help`),
  });
}

/**
 * How many frames stretches have that may overlap; each counts once.
 * @param {{start_frame: number, end_frame: number}[]} parts
 */
function framesOf(parts) {
  let [frames, reached] = [0, 0];
  for (const { start_frame: start, end_frame: end } of parts.toSorted(
    (one, other) => one.start_frame - other.start_frame,
  )) {
    frames += Math.max(0, end - Math.max(start, reached));
    reached = Math.max(reached, end);
  }
  return frames;
}
