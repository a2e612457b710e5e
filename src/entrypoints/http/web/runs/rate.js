/** How quickly frames are done, as far as one's own runs tell. */

const SAMPLES = 5;
const WINDOW = 8000;

/**
 * Frames a second of the runs that were completed last; null before the first.
 * @param {import("../core/api.js").Api} api
 * @param {AbortSignal} signal
 * @returns {Promise<number | null>}
 */
export async function measuredRate(api, signal) {
  const query = { status: "completed", limit: SAMPLES };
  const { items } = await api.get("/api/frames/anonymize/requests/", { query, signal });
  let [frames, seconds] = [0, 0];
  for (const run of items) {
    frames += run.total_frames;
    seconds += (Date.parse(run.completed_at) - Date.parse(run.started_at)) / 1000;
  }
  return seconds > 0 ? frames / seconds : null;
}

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
