/** Rectangles in image pixels. */

/** @typedef {{x: number, y: number, width: number, height: number}} Area */

/**
 * Round an area to whole pixels and clamp it to the image.
 * @template {Partial<Area>} T
 * @param {T} area
 * @param {{width: number, height: number}} image
 * @returns {T & Area}
 */
export function within(area, image) {
  const width = Math.round(Math.min(image.width, Math.max(1, area.width ?? 1)));
  const height = Math.round(Math.min(image.height, Math.max(1, area.height ?? 1)));
  const x = Math.round(Math.min(image.width - width, Math.max(0, area.x ?? 0)));
  const y = Math.round(Math.min(image.height - height, Math.max(0, area.y ?? 0)));
  return { ...area, x, y, width, height };
}

/**
 * Position an element over an area of an image, independent of the size at which the image is shown.
 * @param {HTMLElement} node
 * @param {Area} area
 * @param {{width: number, height: number}} image
 */
export function place(node, area, image) {
  node.style.left = `${(100 * area.x) / image.width}%`;
  node.style.top = `${(100 * area.y) / image.height}%`;
  node.style.width = `${(100 * area.width) / image.width}%`;
  node.style.height = `${(100 * area.height) / image.height}%`;
}
