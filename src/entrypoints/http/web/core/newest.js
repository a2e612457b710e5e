/** Work that is asked for more quickly than it is done. */

/**
 * Does the newest of what is asked for: while something is being done, of all that follows only the last is
 * kept.
 * @template T
 */
export class Newest {
  #act;
  #isBusy = false;
  /** @type {T | undefined} */
  #wanted;

  /** @param {(value: T) => Promise<void>} act never fails */
  constructor(act) {
    this.#act = act;
  }

  /** @param {T} value */
  async want(value) {
    this.#wanted = value;
    if (this.#isBusy) return;
    this.#isBusy = true;
    while (this.#wanted !== undefined) {
      const next = this.#wanted;
      this.#wanted = undefined;
      await this.#act(next);
    }
    this.#isBusy = false;
  }
}
