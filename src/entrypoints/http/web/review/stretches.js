/** Which frames a result has: stretches of the film, with gaps between them. */

/** @typedef {{start_frame: number, end_frame: number}} Stretch frames up to, and without, `end_frame` */

/** The frames of a result, by their numbers in the film and by their places in the result. */
export class Stretches {
  #list;

  /** @param {Stretch[]} list disjoint, ascending, at least one */
  constructor(list) {
    this.#list = list;
  }

  get first() {
    return this.#list[0].start_frame;
  }

  get last() {
    return this.#list[this.#list.length - 1].end_frame - 1;
  }

  /**
   * The frame that is nearest to one that may be in a gap.
   * @param {number} frame
   */
  nearest(frame) {
    const near = this.#list.map(({ start_frame: start, end_frame: end }) =>
      Math.min(end - 1, Math.max(start, frame)),
    );
    return near.reduce((best, one) => (Math.abs(one - frame) < Math.abs(best - frame) ? one : best));
  }

  /**
   * The frame so many frames further, gaps not counted; the first or last one if there are not so many.
   * @param {number} frame one of the result
   * @param {number} steps backwards when negative
   */
  after(frame, steps) {
    let place = steps;
    for (const { start_frame: start, end_frame: end } of this.#list) {
      if (frame >= end) place += end - start;
      else if (frame >= start) place += frame - start;
    }
    if (place < 0) return this.first;
    for (const { start_frame: start, end_frame: end } of this.#list) {
      if (place < end - start) return start + place;
      place -= end - start;
    }
    return this.last;
  }

  /**
   * Frames of the result between two, both included.
   * @param {number} first
   * @param {number} last
   */
  *between(first, last) {
    for (const { start_frame: start, end_frame: end } of this.#list) {
      for (let frame = Math.max(first, start); frame <= Math.min(last, end - 1); frame += 1) yield frame;
    }
  }
}
