/** An image with its detected faces. */

import { el, fill, svg, uniqueId } from "../core/dom.js";
import { number, percent, t } from "../core/language.js";
import { objectUrl } from "../core/images.js";
import { bar } from "../ui/bar.js";

/**
 * @typedef {object} Face a face as returned by the API
 * @property {string} face_id
 * @property {[number, number, number, number]} bbox left, top, width, height
 * @property {[number, number][]} landmarks
 * @property {number[] | string} embedding
 * @property {number} confidence
 * @property {{sharpness: number, yaw: number, pitch: number, roll: number, size: number}} quality
 * @property {Record<string, number> | null} emotions
 */

/**
 * @param {File} file
 * @param {Face[]} faces the largest first
 * @param {(face: Face) => void} onChoose called with the face that the user selects
 * @param {AbortSignal} signal
 */
export function analysedImage(file, faces, onChoose, signal) {
  const details = el("div", { class: "face-details" });
  const name = uniqueId("face");
  const image = el("img", {
    src: objectUrl(file, signal),
    alt: t("faces.pictureAlt", { name: file.name, count: faces.length }),
  });
  const overlay = svg("svg", { class: "face-overlay", "aria-hidden": "true" });
  image.addEventListener("load", () => {
    overlay.setAttribute("viewBox", `0 0 ${image.naturalWidth} ${image.naturalHeight}`);
    draw();
  });
  let chosen = faces[0];

  function draw() {
    // Two screen pixels wide, independent of the size of the image.
    const stroke = (2 * image.naturalWidth) / (image.clientWidth || image.naturalWidth);
    fill(
      overlay,
      faces.map((face, index) => outline(face, index, face === chosen, stroke)),
    );
  }

  /** @param {Face} face */
  function show(face) {
    chosen = face;
    draw();
    fill(details, faceFacts(face));
    onChoose(face);
  }

  const options = faces.map((face, index) =>
    el(
      "label",
      { class: "choice small" },
      el("input", { type: "radio", name, checked: index === 0, onchange: () => show(face) }),
      el("span", {}, t("faces.one", { index: index + 1 })),
    ),
  );
  fill(details, faceFacts(chosen));
  return el(
    "div",
    { class: "analysed" },
    el("div", { class: "face-picture" }, image, overlay),
    faces.length > 1 &&
      el("fieldset", {}, el("legend", {}, t("faces.which")), el("div", { class: "choices tight" }, options)),
    details,
  );
}

/**
 * @param {Face} face
 * @param {number} index
 * @param {boolean} isChosen
 * @param {number} stroke pixels of the image
 */
function outline(face, index, isChosen, stroke) {
  const [x, y, width, height] = face.bbox;
  const points = face.landmarks.map(([cx, cy]) => svg("circle", { cx, cy, r: stroke * 1.4 }));
  const box = svg("rect", {
    x,
    y,
    width,
    height,
    rx: stroke * 2,
    "stroke-width": isChosen ? stroke * 1.5 : stroke,
  });
  const label = svg(
    "text",
    { x: x + stroke * 2, y: Math.max(y - stroke * 2, stroke * 9), "font-size": stroke * 8 },
    index + 1,
  );
  return svg("g", { class: isChosen ? "chosen" : null }, box, ...points, label);
}

/** @param {Face} face */
function faceFacts(face) {
  const { quality, emotions, confidence } = face;
  /** @type {[string, string][]} */
  const facts = [
    [t("faces.confidence"), percent(confidence)],
    [t("faces.sharpness"), percent(quality.sharpness)],
    [t("faces.size"), t("pixels", { size: number(quality.size, 0) })],
    [
      t("faces.turned"),
      `${number(quality.yaw, 0)}° / ${number(quality.pitch, 0)}° / ${number(quality.roll, 0)}°`,
    ],
  ];
  return [
    el(
      "dl",
      { class: "pairs" },
      facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
    ),
    el("h3", {}, t("faces.emotions")),
    emotions ? bars(emotions) : el("p", { class: "help" }, t("faces.noEmotions")),
  ];
}

/** @param {Record<string, number>} emotions */
function bars(emotions) {
  const sorted = Object.entries(emotions).toSorted(([, first], [, second]) => second - first);
  return el(
    "ul",
    { class: "bars" },
    sorted.map(([name, share]) => {
      const translated = t(`emotion.${name}`);
      const label = translated.startsWith("emotion.") ? name : translated;
      return el("li", {}, el("span", {}, label), bar(share), el("b", {}, percent(share)));
    }),
  );
}
