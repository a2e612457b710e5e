/** Something that changes with every press of a key, and is kept once the pressing ends. */

const QUIET = 350;

/** @template T */
export class Settling {
  /** What it is about to be; undefined while nothing is pressed. @type {T | undefined} */
  value;
  #timer = 0;

  /**
   * @param {T} value
   * @param {(value: T) => void} keep called with the last value
   */
  settle(value, keep) {
    this.value = value;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      this.value = undefined;
      keep(value);
    }, QUIET);
  }
}
