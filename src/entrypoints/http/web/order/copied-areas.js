/** Areas in which text stays readable, copied with the marks of another video for the next order. */

/** @type {Map<number, import("./kept-text.js").KeptArea[]>} */
const offered = new Map();

/**
 * Keep areas until the order form of a video is opened.
 * @param {number} videoId
 * @param {import("./kept-text.js").KeptArea[]} areas
 */
export function offerKept(videoId, areas) {
  if (areas.length) offered.set(videoId, areas);
}

/**
 * Return the areas that were copied for a video, once; they are in the draft of its order from then on.
 * @param {number} videoId
 */
export function takeKept(videoId) {
  const areas = offered.get(videoId) ?? [];
  offered.delete(videoId);
  return areas;
}
