/** Images: encoding of chosen files, preview sizes and decoding. */

/**
 * Encode a file as base64 for JSON.
 * @param {File} file
 * @returns {Promise<string>}
 */
export function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",", 2)[1] ?? "");
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/**
 * Return an object URL for a file, revoked when the signal aborts.
 * @param {File} file
 * @param {AbortSignal} signal
 */
export function objectUrl(file, signal) {
  const address = URL.createObjectURL(file);
  signal.addEventListener("abort", () => URL.revokeObjectURL(address));
  return address;
}

/** Preview widths in pixels. There are few of them, so that browsers can reuse cached images. */
const WIDTHS = [320, 640, 960, 1280, 1920];

/**
 * Return the preview width to request for an image that fills an element.
 * @param {HTMLElement} node
 * @param {number} full width of the image itself
 */
export function previewWidth(node, full) {
  const needed = (node.clientWidth || 640) * devicePixelRatio;
  return Math.min(full, WIDTHS.find((width) => width >= needed) ?? 1920);
}

/**
 * Load and decode an image, so that it can be shown without delay.
 * @param {string} address
 * @returns {Promise<HTMLImageElement>}
 */
export async function decoded(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}
