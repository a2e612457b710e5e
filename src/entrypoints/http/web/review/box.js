/** Boxes: the covered areas of a frame. */

import { t } from "../core/language.js";

/** @typedef {"face" | "text" | "plate" | "region"} Kind */

/** @type {Kind[]} */
export const KINDS = ["face", "text", "plate", "region"];

/**
 * @typedef {import("../core/areas.js").Area} Area
 *
 * @typedef {object} Box
 * @property {string} id the same in all frames for a track, and for a box that does not move
 * @property {number[]} xyxy left, top, right, bottom
 * @property {Kind} kind
 * @property {number | null} track
 * @property {number | null} score
 * @property {string} origin how the box came about
 * @property {"shape" | "detector" | null} [basis] how a licence plate was recognised
 */

/**
 * Return the display name of a box.
 * @param {{kind: Kind, track: number | null}} box
 */
export function nameOf({ kind, track }) {
  const name = t(`review.kind.${kind}`);
  return track === null ? name : t("review.tracked", { name, track });
}

/**
 * Return the area of a box.
 * @param {{xyxy: number[]}} box
 * @returns {Area}
 */
export function areaOf({ xyxy: [left, top, right, bottom] }) {
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/**
 * Return the sides of an area: left, top, right, bottom.
 * @param {Area} area
 */
export function corners({ x, y, width, height }) {
  return [x, y, x + width, y + height].map(Math.round);
}

/**
 * Return whether a box contains another one completely.
 * @param {{xyxy: number[]}} outer
 * @param {{xyxy: number[]}} inner
 */
export function covers({ xyxy: outer }, { xyxy: inner }) {
  return outer[0] <= inner[0] && outer[1] <= inner[1] && outer[2] >= inner[2] && outer[3] >= inner[3];
}

/**
 * Add ids to the boxes of a frame that identify them across frames.
 * @param {Omit<Box, "id">[]} boxes
 * @returns {Box[]}
 */
export function withIds(boxes) {
  const used = new Set();
  return boxes.map((box) => {
    let id = `${box.kind} ${box.track ?? box.xyxy.join(" ")}`;
    while (used.has(id)) id += " again";
    used.add(id);
    return { ...box, id };
  });
}

/**
 * Return a box in the form that the API accepts.
 * @param {Box} box
 */
export function toRequest({ xyxy, kind, track }) {
  return { xyxy, kind, track };
}

/**
 * Serialise boxes; equal for boxes with the same result.
 * @param {Box[]} boxes
 */
export function serialized(boxes) {
  return JSON.stringify(boxes.map(toRequest));
}
