/** Pictures that people choose, on their way to the service. */

/**
 * A file as base64 text, which JSON can hold.
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
 * An address for a file that is shown, forgotten when somebody leaves.
 * @param {File} file
 * @param {AbortSignal} signal
 */
export function shownFile(file, signal) {
  const address = URL.createObjectURL(file);
  signal.addEventListener("abort", () => URL.revokeObjectURL(address));
  return address;
}

/** Pixels; sizes between these are not asked for, so that browsers find again what they keep. */
const WIDTHS = [320, 640, 960, 1280, 1920];

/**
 * The width to ask for of a picture that fills an element.
 * @param {HTMLElement} node
 * @param {number} full width of the picture itself
 */
export function previewWidth(node, full) {
  const wanted = (node.clientWidth || 640) * devicePixelRatio;
  return Math.min(full, WIDTHS.find((width) => width >= wanted) ?? 1920);
}

/**
 * A picture that can be shown at once.
 * @param {string} address
 * @returns {Promise<HTMLImageElement>}
 */
export async function decoded(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}
