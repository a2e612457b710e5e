/** Thumbnails behind the timeline: one image of the service, cut to the width of the page. */

import { el } from "../core/dom.js";
import { decoded } from "../core/images.js";

/** Thumbnails in the image of the service; a shorter video has one per frame. */
const THUMBNAILS = 24;

/**
 * A decoration for sighted users; without the image, for example of a damaged video, it stays empty.
 * @param {import("../videos/video.js").Video} video
 * @param {AbortSignal} signal
 */
export function filmstrip(video, signal) {
  const canvas = el("canvas", { class: "filmstrip", "aria-hidden": "true" });
  const count = Math.min(THUMBNAILS, video.frame_count);
  /** @type {HTMLImageElement | null} */
  let image = null;

  function draw() {
    const context = canvas.getContext("2d");
    if (!image || !context || !canvas.clientWidth) return;
    canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
    canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
    const [width, height] = [image.naturalWidth / count, image.naturalHeight];
    // On a narrow page there are fewer thumbnails, rather than slices of all of them.
    const shown = Math.max(1, Math.min(count, Math.round(canvas.width / canvas.height / (width / height))));
    const slot = canvas.width / shown;
    const part = Math.min(width, (height * slot) / canvas.height);
    const cut = Math.min(height, (width * canvas.height) / slot);
    for (let place = 0; place < shown; place += 1) {
      const index = Math.floor(((place + 0.5) * count) / shown);
      const [x, y] = [index * width + (width - part) / 2, (height - cut) / 2];
      context.drawImage(image, x, y, part, cut, place * slot, 0, slot, canvas.height);
    }
  }

  async function load() {
    try {
      image = await decoded(`/api/videos/${video.id}/filmstrip?thumbnails=${THUMBNAILS}`);
      canvas.dataset.state = "shown";
      draw();
    } catch {
      canvas.hidden = true;
    }
  }
  const resizing = new ResizeObserver(draw);
  resizing.observe(canvas);
  signal.addEventListener("abort", () => resizing.disconnect());
  load();
  return canvas;
}
