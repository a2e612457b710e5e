/** A video as the service describes it, and what it looks like. */

import { el, fill } from "../core/dom.js";
import { t } from "../core/language.js";

/**
 * @typedef {object} Video
 * @property {number} id
 * @property {string} filename
 * @property {string} sha256
 * @property {number} size_bytes
 * @property {number} width
 * @property {number} height
 * @property {number} frame_rate
 * @property {number} frame_count
 * @property {number} duration
 * @property {string} created_at
 * @property {"viewer" | "editor" | "owner"} access what whoever is signed in may do with it
 * @property {boolean} is_own whether they uploaded it
 */

/**
 * A frame from the middle, as films often begin in the dark.
 * @param {Video} video
 * @param {number} [width]
 */
export function thumbnail(video, width = 480) {
  const middle = Math.floor(video.frame_count / 2);
  const src = `/api/videos/${video.id}/frames/${middle}.jpg?width=${Math.min(width, video.width)}`;
  const picture = el("img", { src, alt: "", loading: "lazy", width: 16, height: 9 });
  picture.addEventListener("error", () => fill(frame, el("span", {}, t("videos.noThumbnail"))));
  const frame = el("span", { class: "picture" }, picture);
  return frame;
}

/**
 * Whose it is, for those who did not upload it.
 * @param {Video} video
 */
export function accessBadge(video) {
  if (video.is_own) return null;
  return el("span", { class: "badge", "data-access": video.access }, t(`access.${video.access}`));
}
