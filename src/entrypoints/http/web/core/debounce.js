/** Debouncing of values that change with every key press. */

/** Milliseconds without a change before the value is saved. */
const DELAY = 350;

/**
 * Calls back with the last value once no new one has come for a while.
 * @template T
 */
export class Debounced {
  /** The value that is waiting; undefined when none is. @type {T | undefined} */
  value;
  #timer = 0;

  /**
   * @param {T} value
   * @param {(value: T) => void} callback called with the last value
   */
  schedule(value, callback) {
    this.value = value;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      this.value = undefined;
      callback(value);
    }, DELAY);
  }
}
