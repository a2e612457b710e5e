/** Original and result of a frame side by side, separated by a movable divider. */

import { isAborted, messageOf } from "../core/api.js";
import { el, uniqueId } from "../core/dom.js";
import { percent, t } from "../core/language.js";
import { LatestOnly } from "../core/latest-only.js";
import { decoded, previewWidth } from "../core/images.js";
import { overlay } from "./overlay.js";

const HALF = 50;

/**
 * @param {import("../app.js").App} app
 * @param {import("./result.js").Result} result
 * @param {AbortSignal} signal
 */
export function comparison(app, result, signal) {
  const { video } = result;
  const after = el("img", { alt: "", class: "frame", draggable: "false" });
  const before = el("img", { alt: "", class: "frame original", draggable: "false", hidden: true });
  const line = el("div", { class: "divider", "aria-hidden": "true", onpointerdown: dragDivider });
  const problem = el("p", { class: "picture-problem", role: "alert", hidden: true });
  const names = el(
    "div",
    { class: "sides", "aria-hidden": "true" },
    el("span", {}, t("review.before")),
    el("span", {}, t("review.after")),
  );
  const stage = el(
    "div",
    { class: "stage" },
    after,
    before,
    overlay(app, result),
    video && names,
    video && line,
    problem,
  );
  const node = el("div", { class: "comparison" }, stage);
  const frames = new LatestOnly(load);
  const slider = el("input", {
    type: "range",
    id: uniqueId("wipe"),
    min: 0,
    max: 100,
    value: String(HALF),
    oninput: showLine,
  });

  function showLine() {
    node.style.setProperty("--split", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", t("review.wiped", { share: percent(slider.valueAsNumber / 100) }));
  }

  /** @param {PointerEvent} event */
  function dragDivider(event) {
    event.preventDefault();
    event.stopPropagation();
    const gesture = new AbortController();
    const moved = (/** @type {PointerEvent} */ move) => {
      const { left, width } = stage.getBoundingClientRect();
      slider.value = String((100 * (move.clientX - left)) / width);
      showLine();
    };
    line.setPointerCapture(event.pointerId);
    line.addEventListener("pointermove", moved, { signal: gesture.signal });
    for (const end of ["pointerup", "pointercancel"]) {
      line.addEventListener(end, () => gesture.abort(), { signal: gesture.signal });
    }
  }

  function setAspectRatio() {
    node.style.setProperty("--ratio", String(result.size.width / result.size.height));
  }

  /** @param {number} frame */
  async function load(frame) {
    if (signal.aborted) return;
    const width = previewWidth(stage, video ? video.width : Infinity);
    const originalUrl = video && `/api/videos/${video.id}/frames/${frame}.jpg?width=${width}`;
    // Without the video, the size is taken from the frame itself, so the full frame is requested.
    const isFullSize = !video || width === video.width;
    const resultUrl = `${result.path}/frames/${frame}/${isFullSize ? "" : `?width=${width}`}`;
    const [redacted, original, boxes] = await Promise.allSettled([
      decoded(resultUrl),
      originalUrl ? decoded(originalUrl) : null,
      result.boxes.ensure({ first: frame, last: frame }),
    ]);
    if (signal.aborted) return;
    // Never leave the image of another frame visible.
    show(after, redacted, t("review.afterAlt", { frame }));
    show(before, original, t("review.beforeAlt", { frame }));
    if (redacted.status === "fulfilled" && !video) {
      result.measure({ width: redacted.value.naturalWidth, height: redacted.value.naturalHeight });
      setAspectRatio();
    }
    problem.textContent = "";
    if (redacted.status === "rejected") problem.textContent = await reason(resultUrl, frame);
    else if (boxes.status === "rejected") problem.textContent = messageOf(boxes.reason);
    else if (original.status === "rejected" && originalUrl)
      problem.textContent = await reason(originalUrl, frame);
    problem.hidden = !problem.textContent;
  }

  /**
   * @param {HTMLImageElement} image
   * @param {PromiseSettledResult<HTMLImageElement | null>} loaded
   * @param {string} alt
   */
  function show(image, loaded, alt) {
    const source = loaded.status === "fulfilled" ? loaded.value : null;
    if (source) image.src = source.src;
    image.alt = alt;
    image.hidden = !source;
  }

  /**
   * Return why an image cannot be shown. Browsers do not report it, so the image is requested again.
   * @param {string} address
   * @param {number} frame
   */
  async function reason(address, frame) {
    try {
      await app.api.get(address, { signal });
      return t("mark.noFrame", { frame });
    } catch (error) {
      return isAborted(error) ? "" : messageOf(error);
    }
  }

  const request = () => frames.request(result.frame);
  result.addEventListener("frame", request);
  app.api.addEventListener("back", request, { signal });
  // The element has a size only once it is part of the page.
  requestAnimationFrame(request);
  setAspectRatio();
  showLine();
  if (video) node.append(el("label", { for: slider.id, class: "unseen" }, t("review.wipe")), slider);
  else node.append(el("p", { class: "help" }, t("review.noOriginal")));
  return node;
}
