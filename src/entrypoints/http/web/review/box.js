/** A box: something that is covered in a frame. */

import { t } from "../core/language.js";

/** @typedef {"face" | "text" | "plate" | "region"} Kind */

/** @type {Kind[]} */
export const KINDS = ["face", "text", "plate", "region"];

/**
 * @typedef {import("../core/areas.js").Area} Area
 *
 * @typedef {object} Box
 * @property {string} id the same in all frames in which something is followed, or does not move
 * @property {number[]} xyxy left, top, right, bottom
 * @property {Kind} kind
 * @property {number | null} track
 * @property {number | null} score
 * @property {string} origin why it is covered
 * @property {"shape" | "detector" | null} [basis] why it counts as a licence plate
 */

/**
 * What a box is called.
 * @param {{kind: Kind, track: number | null}} box
 */
export function nameOf({ kind, track }) {
  const name = t(`review.kind.${kind}`);
  return track === null ? name : t("review.tracked", { name, track });
}

/**
 * The area of a box.
 * @param {{xyxy: number[]}} box
 * @returns {Area}
 */
export function areaOf({ xyxy: [left, top, right, bottom] }) {
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/**
 * The sides of an area: left, top, right, bottom.
 * @param {Area} area
 */
export function corners({ x, y, width, height }) {
  return [x, y, x + width, y + height].map(Math.round);
}

/**
 * Whether all of a box lies within another one.
 * @param {{xyxy: number[]}} outer
 * @param {{xyxy: number[]}} inner
 */
export function covers({ xyxy: outer }, { xyxy: inner }) {
  return outer[0] <= inner[0] && outer[1] <= inner[1] && outer[2] >= inner[2] && outer[3] >= inner[3];
}

/**
 * Boxes of a frame, with what they are known by in other frames.
 * @param {Omit<Box, "id">[]} boxes
 * @returns {Box[]}
 */
export function identified(boxes) {
  const taken = new Set();
  return boxes.map((box) => {
    let id = `${box.kind} ${box.track ?? box.xyxy.join(" ")}`;
    while (taken.has(id)) id += " again";
    taken.add(id);
    return { ...box, id };
  });
}

/**
 * A box as the service takes it.
 * @param {Box} box
 */
export function written({ xyxy, kind, track }) {
  return { xyxy, kind, track };
}

/**
 * Boxes as text, the same where the service would do the same.
 * @param {Box[]} boxes
 */
export function said(boxes) {
  return JSON.stringify(boxes.map(written));
}
