/** Rectangles in the pixels of a picture. */

/** @typedef {{x: number, y: number, width: number, height: number}} Area */

/**
 * An area in whole pixels that does not leave the picture.
 * @template {Partial<Area>} T
 * @param {T} area
 * @param {{width: number, height: number}} picture
 * @returns {T & Area}
 */
export function within(area, picture) {
  const width = Math.round(Math.min(picture.width, Math.max(1, area.width ?? 1)));
  const height = Math.round(Math.min(picture.height, Math.max(1, area.height ?? 1)));
  const x = Math.round(Math.min(picture.width - width, Math.max(0, area.x ?? 0)));
  const y = Math.round(Math.min(picture.height - height, Math.max(0, area.y ?? 0)));
  return { ...area, x, y, width, height };
}

/**
 * Put an element where an area is, whatever size the picture is shown at.
 * @param {HTMLElement} node
 * @param {Area} area
 * @param {{width: number, height: number}} picture
 */
export function place(node, area, picture) {
  node.style.left = `${(100 * area.x) / picture.width}%`;
  node.style.top = `${(100 * area.y) / picture.height}%`;
  node.style.width = `${(100 * area.width) / picture.width}%`;
  node.style.height = `${(100 * area.height) / picture.height}%`;
}
