/** A video as returned by the API, its thumbnail and its access badge. */

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
 * @property {"viewer" | "editor" | "owner"} access right of the signed-in user
 * @property {boolean} is_own whether the signed-in user uploaded it
 * @property {string | null} title display name; null for the file name
 * @property {string[]} tags
 * @property {"new" | "marked" | "ordered" | "failed" | "ready" | "released"} state
 */

/**
 * Return the title of a video, or its file name without one.
 * @param {Video} video
 */
export function nameOf(video) {
  return video.title || video.filename;
}

/**
 * Thumbnail from the middle of the video, because the first frames are often black.
 * @param {Video} video
 * @param {number} [width]
 */
export function thumbnail(video, width = 480) {
  const middle = Math.floor(video.frame_count / 2);
  const src = `/api/videos/${video.id}/frames/${middle}.jpg?width=${Math.min(width, video.width)}`;
  const image = el("img", { src, alt: "", loading: "lazy", width: 16, height: 9 });
  image.addEventListener("error", () => fill(frame, el("span", {}, t("videos.noThumbnail"))));
  const frame = el("span", { class: "picture" }, image);
  return frame;
}

/**
 * Badge with the user's right to a video that another account uploaded.
 * @param {Video} video
 */
export function accessBadge(video) {
  if (video.is_own) return null;
  return el("span", { class: "badge", "data-access": video.access }, t(`access.${video.access}`));
}
