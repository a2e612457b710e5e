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
