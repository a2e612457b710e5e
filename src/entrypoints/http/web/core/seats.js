/** Connections that are kept open, of which a browser has few for all of its tabs together. */

/** A number of seats that all tabs of the browser share. */
export class Seats {
  #name;
  #count;
  #isTakenHere = false;

  /**
   * @param {string} name
   * @param {number} count
   */
  constructor(name, count) {
    this.#name = name;
    this.#count = count;
  }

  /**
   * Take a seat, if one is free. It is free again when the tab is closed, too.
   * @returns {Promise<(() => void) | null>} gives the seat back
   */
  async take() {
    // Browsers hide locks from pages that came without TLS. Tabs then know nothing of each other.
    if (!navigator.locks) return this.#takeHere();
    for (let number = 1; number <= this.#count; number += 1) {
      const leave = await held(`${this.#name} ${number}`);
      if (leave) return leave;
    }
    return null;
  }

  /** One for each tab. */
  #takeHere() {
    if (this.#isTakenHere) return null;
    this.#isTakenHere = true;
    return () => {
      this.#isTakenHere = false;
    };
  }
}

/**
 * Hold a lock until it is given back; null when somebody else holds it, or it cannot be had.
 * @param {string} name
 * @returns {Promise<(() => void) | null>}
 */
function held(name) {
  return new Promise((resolve) => {
    /** @param {Lock | null} lock */
    const granted = (lock) =>
      lock ? new Promise((leave) => resolve(() => leave(undefined))) : resolve(null);
    navigator.locks.request(name, { ifAvailable: true }, granted).catch(() => resolve(null));
  });
}
