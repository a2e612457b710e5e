/** Throttling of work that is requested more quickly than it is done. */

/**
 * Runs one request at a time. Of the requests that arrive meanwhile, only the latest is kept.
 * @template T
 */
export class LatestOnly {
  #run;
  #isBusy = false;
  /** @type {T | undefined} */
  #pending;

  /** @param {(value: T) => Promise<void>} run never fails */
  constructor(run) {
    this.#run = run;
  }

  /** @param {T} value */
  async request(value) {
    this.#pending = value;
    if (this.#isBusy) return;
    this.#isBusy = true;
    while (this.#pending !== undefined) {
      const next = this.#pending;
      this.#pending = undefined;
      await this.#run(next);
    }
    this.#isBusy = false;
  }
}
