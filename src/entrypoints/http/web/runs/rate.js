/** Processing rate of a run. */

/** Milliseconds over which the rate is measured. */
const WINDOW = 8000;

/** Measures frames per second over a sliding window of progress reports. */
export class RateMeter {
  /** @type {{at: number, frames: number}[]} */
  #samples = [];

  /**
   * @param {number} frames done so far
   * @param {number} [at] milliseconds
   * @returns {number | null} null while there are too few samples
   */
  measure(frames, at = performance.now()) {
    this.#samples = this.#samples.filter((sample) => at - sample.at < WINDOW);
    this.#samples.push({ at, frames });
    const first = this.#samples[0];
    return frames > first.frames ? (1000 * (frames - first.frames)) / (at - first.at) : null;
  }
}
