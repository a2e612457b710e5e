/** How quickly frames are done. */

const WINDOW = 8000;

/** Frames a second over the last moments, from what is told of a run now and then. */
export class RateMeter {
  /** @type {{at: number, frames: number}[]} */
  #samples = [];

  /**
   * @param {number} frames done so far
   * @param {number} [at] milliseconds
   * @returns {number | null} null until there is enough to tell
   */
  measure(frames, at = performance.now()) {
    this.#samples = this.#samples.filter((sample) => at - sample.at < WINDOW);
    this.#samples.push({ at, frames });
    const first = this.#samples[0];
    return frames > first.frames ? (1000 * (frames - first.frames)) / (at - first.at) : null;
  }
}
