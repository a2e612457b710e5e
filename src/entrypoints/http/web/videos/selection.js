/** Videos selected in the list, to be ordered or tagged together. */

/** The selection; dispatches `change`. It survives other pages of the list, and ends with the session. */
export class Selection extends EventTarget {
  /** @type {Map<number, import("./video.js").Video>} */
  #videos = new Map();

  get videos() {
    return [...this.#videos.values()];
  }

  /** @param {number} id */
  has(id) {
    return this.#videos.has(id);
  }

  /**
   * @param {import("./video.js").Video[]} videos
   * @param {boolean} isSelected
   */
  set(videos, isSelected) {
    for (const video of videos) {
      if (isSelected) this.#videos.set(video.id, video);
      else this.#videos.delete(video.id);
    }
    this.dispatchEvent(new Event("change"));
  }

  clear() {
    this.#videos.clear();
    this.dispatchEvent(new Event("change"));
  }
}
