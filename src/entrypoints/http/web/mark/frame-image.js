/** The current frame. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { LatestOnly } from "../core/latest-only.js";
import { decoded, previewWidth } from "../core/images.js";
import { regionLayer } from "./region-layer.js";

/**
 * The current frame with its regions. The last frame stays visible while the next one loads; of several quick
 * requests only the latest is fetched.
 * @param {import("../app.js").App} app
 * @param {import("./video-view.js").RegionEditor} marks
 * @param {AbortSignal} signal
 * @param {...Node} layers further layers over the frame
 */
export function frameImage(app, marks, signal, ...layers) {
  const { video } = marks;
  const image = el("img", { alt: "", class: "frame", draggable: "false" });
  const problem = el("p", { class: "picture-problem", role: "alert", hidden: true });
  const stage = el("div", { class: "stage" }, image, regionLayer(app, marks), ...layers, problem);
  stage.style.setProperty("--ratio", String(video.width / video.height));
  const frames = new LatestOnly(load);

  /** @param {number} frame */
  async function load(frame) {
    if (signal.aborted) return;
    const width = previewWidth(stage, video.width);
    try {
      image.src = (await decoded(`/api/videos/${video.id}/frames/${frame}.jpg?width=${width}`)).src;
      problem.hidden = true;
    } catch {
      problem.textContent = t("mark.noFrame", { frame });
      problem.hidden = false;
    }
    image.alt = t("mark.frameAlt", { frame });
  }

  const show = () => frames.request(marks.frame);
  marks.addEventListener("frame", show);
  app.api.addEventListener("back", show, { signal });
  // The element has a size only once it is part of the page.
  requestAnimationFrame(show);
  return stage;
}
