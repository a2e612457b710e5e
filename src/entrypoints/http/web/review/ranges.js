/** Frame ranges of a result: ranges of the video with gaps between them. */

/** @typedef {{start_frame: number, end_frame: number}} FrameRange frames up to and excluding `end_frame` */

/** The frames of a result, by their numbers in the video and by their positions in the result. */
export class FrameRanges {
  #list;

  /** @param {FrameRange[]} list disjoint, ascending, at least one */
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
   * Return the frame of the result that is nearest to a frame of the video.
   * @param {number} frame
   */
  nearest(frame) {
    const near = this.#list.map(({ start_frame: start, end_frame: end }) =>
      Math.min(end - 1, Math.max(start, frame)),
    );
    return near.reduce((best, next) => (Math.abs(next - frame) < Math.abs(best - frame) ? next : best));
  }

  /**
   * Return the frame a number of steps away, not counting gaps; limited to the first and last frame.
   * @param {number} frame one of the result
   * @param {number} steps backwards when negative
   */
  after(frame, steps) {
    let position = steps;
    for (const { start_frame: start, end_frame: end } of this.#list) {
      if (frame >= end) position += end - start;
      else if (frame >= start) position += frame - start;
    }
    if (position < 0) return this.first;
    for (const { start_frame: start, end_frame: end } of this.#list) {
      if (position < end - start) return start + position;
      position -= end - start;
    }
    return this.last;
  }

  /**
   * Yield the frames of the result between two frames, both inclusive.
   * @param {number} first
   * @param {number} last
   */
  *between(first, last) {
    for (const { start_frame: start, end_frame: end } of this.#list) {
      for (let frame = Math.max(first, start); frame <= Math.min(last, end - 1); frame += 1) yield frame;
    }
  }
}
