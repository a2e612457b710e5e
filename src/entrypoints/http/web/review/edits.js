/** Edited boxes by frame, with undo and redo. */

/**
 * @typedef {import("./box.js").Box} Box
 * @typedef {[number, Box[] | undefined][]} Change new boxes by frame; undefined for the original ones
 */

export class Edits {
  /** @type {Map<number, Box[]>} */
  #boxes = new Map();
  /** What takes each change back. @type {Change[]} */
  #done = [];
  /** What repeats each change that was undone. @type {Change[]} */
  #undone = [];

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /** The edited frames. */
  get frames() {
    return [...this.#boxes.keys()].toSorted((first, second) => first - second);
  }

  /**
   * Return the boxes of an edited frame; undefined for other frames.
   * @param {number} frame
   */
  at(frame) {
    return this.#boxes.get(frame);
  }

  /** @param {Change} change */
  apply(change) {
    if (!change.length) return;
    this.#done.push(this.#swap(change));
    this.#undone = [];
  }

  undo() {
    this.#undone.push(this.#swap(this.#done.pop() ?? []));
  }

  redo() {
    this.#done.push(this.#swap(this.#undone.pop() ?? []));
  }

  clear() {
    this.#boxes.clear();
    [this.#done, this.#undone] = [[], []];
  }

  /**
   * Apply a change and return the one that takes it back.
   * @param {Change} change
   * @returns {Change}
   */
  #swap(change) {
    /** @type {Change} */
    const before = change.map(([frame]) => [frame, this.#boxes.get(frame)]);
    for (const [frame, boxes] of change) {
      if (boxes) this.#boxes.set(frame, boxes);
      else this.#boxes.delete(frame);
    }
    return before;
  }
}
