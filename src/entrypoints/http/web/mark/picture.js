/** The frame that is looked at. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { regionLayer } from "./region-layer.js";

/** Pixels; sizes between these are not asked for, so that browsers find again what they keep. */
const WIDTHS = [320, 640, 960, 1280, 1920];

/**
 * A frame with what is marked on it. While one is on its way the last one stays; of many that are asked for
 * quickly only the newest is fetched.
 * @param {import("../app.js").App} app
 * @param {import("./marks.js").Marks} marks
 * @param {AbortSignal} signal
 */
export function picture(app, marks, signal) {
  const { video } = marks;
  const image = el("img", { alt: "", class: "frame", draggable: "false" });
  const problem = el("p", { class: "picture-problem", role: "alert", hidden: true });
  const stage = el("div", { class: "stage" }, image, regionLayer(app, marks), problem);
  stage.style.setProperty("--ratio", String(video.width / video.height));
  let isLoading = false;
  let shownFrame = -1;

  async function show() {
    if (isLoading) return;
    isLoading = true;
    while (shownFrame !== marks.frame && !signal.aborted) {
      const wanted = marks.frame;
      const next = new Image();
      next.src = `/api/videos/${video.id}/frames/${wanted}.jpg?width=${previewWidth()}`;
      try {
        await next.decode();
        image.src = next.src;
        problem.hidden = true;
      } catch {
        problem.textContent = t("mark.noFrame", { frame: wanted });
        problem.hidden = false;
      }
      image.alt = t("mark.frameAlt", { frame: wanted });
      shownFrame = wanted;
    }
    isLoading = false;
  }

  function previewWidth() {
    const wanted = (stage.clientWidth || 640) * devicePixelRatio;
    return Math.min(video.width, WIDTHS.find((width) => width >= wanted) ?? 1920);
  }

  function again() {
    shownFrame = -1;
    show();
  }

  marks.addEventListener("frame", show);
  app.api.addEventListener("back", again, { signal });
  // Its size is only known once it is part of the page.
  requestAnimationFrame(show);
  return stage;
}
