/** The frame that is looked at. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { Newest } from "../core/newest.js";
import { decoded, previewWidth } from "../core/pictures.js";
import { regionLayer } from "./region-layer.js";

/**
 * A frame with what is marked on it. While one is on its way the last one stays; of many that are asked for
 * quickly only the newest is fetched.
 * @param {import("../app.js").App} app
 * @param {import("./film.js").DrawnFilm} marks
 * @param {AbortSignal} signal
 * @param {...Node} layers what else lies over the frame
 */
export function picture(app, marks, signal, ...layers) {
  const { video } = marks;
  const image = el("img", { alt: "", class: "frame", draggable: "false" });
  const problem = el("p", { class: "picture-problem", role: "alert", hidden: true });
  const stage = el("div", { class: "stage" }, image, regionLayer(app, marks), ...layers, problem);
  stage.style.setProperty("--ratio", String(video.width / video.height));
  const frames = new Newest(load);

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

  const show = () => frames.want(marks.frame);
  marks.addEventListener("frame", show);
  app.api.addEventListener("back", show, { signal });
  // Its size is only known once it is part of the page.
  requestAnimationFrame(show);
  return stage;
}
