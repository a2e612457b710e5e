/** A frame before and after: the original on the left of a line that is moved, the result on the right. */

import { isAborted, wordsOf } from "../core/api.js";
import { el, uniqueId } from "../core/dom.js";
import { percent, t } from "../core/language.js";
import { Newest } from "../core/newest.js";
import { decoded, previewWidth } from "../core/pictures.js";
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
  const line = el("div", { class: "divider", "aria-hidden": "true", onpointerdown: pull });
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
  const frames = new Newest(load);
  const wipe = el("input", {
    type: "range",
    id: uniqueId("wipe"),
    min: 0,
    max: 100,
    value: String(HALF),
    oninput: showLine,
  });

  function showLine() {
    node.style.setProperty("--split", `${wipe.value}%`);
    wipe.setAttribute("aria-valuetext", t("review.wiped", { share: percent(wipe.valueAsNumber / 100) }));
  }

  /** @param {PointerEvent} event */
  function pull(event) {
    event.preventDefault();
    event.stopPropagation();
    const over = new AbortController();
    const moved = (/** @type {PointerEvent} */ one) => {
      const { left, width } = stage.getBoundingClientRect();
      wipe.value = String((100 * (one.clientX - left)) / width);
      showLine();
    };
    line.setPointerCapture(event.pointerId);
    line.addEventListener("pointermove", moved, { signal: over.signal });
    for (const end of ["pointerup", "pointercancel"]) {
      line.addEventListener(end, () => over.abort(), { signal: over.signal });
    }
  }

  function shape() {
    node.style.setProperty("--ratio", String(result.size.width / result.size.height));
  }

  /** @param {number} frame */
  async function load(frame) {
    if (signal.aborted) return;
    const width = previewWidth(stage, video ? video.width : Infinity);
    const filmed = video && `/api/videos/${video.id}/frames/${frame}.jpg?width=${width}`;
    // Without the video, the frame itself tells how large it is; nothing is gained by shrinking to its own width.
    const isWhole = !video || width === video.width;
    const written = `${result.path}/frames/${frame}/${isWhole ? "" : `?width=${width}`}`;
    const [redacted, original, boxes] = await Promise.allSettled([
      decoded(written),
      filmed ? decoded(filmed) : null,
      result.boxes.ensure({ first: frame, last: frame }),
    ]);
    if (signal.aborted) return;
    // A picture of another frame would be taken for the one that is asked for.
    show(after, redacted, t("review.afterAlt", { frame }));
    show(before, original, t("review.beforeAlt", { frame }));
    if (redacted.status === "fulfilled" && !video) {
      result.measure({ width: redacted.value.naturalWidth, height: redacted.value.naturalHeight });
      shape();
    }
    problem.textContent = "";
    if (redacted.status === "rejected") problem.textContent = await reason(written, frame);
    else if (boxes.status === "rejected") problem.textContent = wordsOf(boxes.reason);
    else if (original.status === "rejected" && filmed) problem.textContent = await reason(filmed, frame);
    problem.hidden = !problem.textContent;
  }

  /**
   * @param {HTMLImageElement} image
   * @param {PromiseSettledResult<HTMLImageElement | null>} loaded
   * @param {string} alt
   */
  function show(image, loaded, alt) {
    const picture = loaded.status === "fulfilled" ? loaded.value : null;
    if (picture) image.src = picture.src;
    image.alt = alt;
    image.hidden = !picture;
  }

  /**
   * Why a picture cannot be shown: browsers do not tell, so it is asked for once more.
   * @param {string} address
   * @param {number} frame
   */
  async function reason(address, frame) {
    try {
      await app.api.get(address, { signal });
      return t("mark.noFrame", { frame });
    } catch (error) {
      return isAborted(error) ? "" : wordsOf(error);
    }
  }

  const ask = () => frames.want(result.frame);
  result.addEventListener("frame", ask);
  app.api.addEventListener("back", ask, { signal });
  // Its size is only known once it is part of the page.
  requestAnimationFrame(ask);
  shape();
  showLine();
  if (video) node.append(el("label", { for: wipe.id, class: "unseen" }, t("review.wipe")), wipe);
  else node.append(el("p", { class: "help" }, t("review.noOriginal")));
  return node;
}
