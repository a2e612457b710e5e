/** Static overlays that the service proposes as regions, until each is accepted or dismissed. */

import { LONG_PATIENCE } from "../core/api.js";
import { t } from "../core/language.js";

/**
 * @typedef {object} Proposal as the service describes it
 * @property {{x: number, y: number, width: number, height: number, label: string}} region
 * @property {number} confidence 0 to 1
 * @property {"text" | "drawing"} reason
 *
 * @typedef {"unasked" | "waiting" | "found" | "none" | "done" | "failed"} State
 */

/** Dispatches `proposals` when there are others, or another state. */
export class Proposals extends EventTarget {
  /** @type {Proposal[]} */
  items = [];
  /** @type {State} */
  state = "unasked";
  /** What failed. @type {unknown} */
  error = null;
  /** The one that is looked at. @type {Proposal | null} */
  selected = null;
  #app;
  #marks;
  #signal;

  /**
   * @param {import("../app.js").App} app
   * @param {import("./marks.js").Marks} marks
   * @param {AbortSignal} signal
   */
  constructor(app, marks, signal) {
    super();
    this.#app = app;
    this.#marks = marks;
    this.#signal = signal;
  }

  /** Have the service look for them, which takes seconds. */
  async ask() {
    this.#become("waiting", []);
    try {
      const path = `/api/videos/${this.#marks.video.id}/regions/proposals`;
      const terms = { signal: this.#signal, patience: LONG_PATIENCE };
      const found = await this.#app.api.post(path, undefined, terms);
      const fresh = found.filter((/** @type {Proposal} */ proposal) => !this.#isMarked(proposal));
      this.#become(fresh.length ? "found" : "none", fresh);
    } catch (error) {
      if (this.#signal.aborted) return;
      this.error = error;
      this.#become("failed", []);
    }
  }

  /** @param {Proposal | null} proposal */
  select(proposal) {
    this.selected = proposal;
    this.#tell();
  }

  /**
   * Make a region of it.
   * @param {Proposal} proposal
   */
  async accept(proposal) {
    // Named in the language that is spoken: the label is seen wherever the region is.
    const label = t(`proposal.${proposal.reason}`);
    await this.#marks.addRegion({ ...proposal.region, label, start_frame: null, end_frame: null });
    this.dismiss(proposal);
  }

  /** As far as it goes: those that were refused stay. */
  async acceptAll() {
    for (const proposal of this.items) await this.accept(proposal);
  }

  /** @param {Proposal} proposal */
  dismiss(proposal) {
    const left = this.items.filter((one) => one !== proposal);
    this.#become(left.length ? "found" : "done", left);
  }

  dismissAll() {
    this.#become("done", []);
  }

  /** @param {Proposal} proposal */
  #isMarked({ region }) {
    return this.#marks.regions.some(
      ({ x, y, width, height, start_frame: start }) =>
        start === null &&
        x <= region.x &&
        y <= region.y &&
        x + width >= region.x + region.width &&
        y + height >= region.y + region.height,
    );
  }

  /**
   * @param {State} state
   * @param {Proposal[]} items
   */
  #become(state, items) {
    this.state = state;
    this.items = items;
    if (this.selected && !items.includes(this.selected)) this.selected = null;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("proposals"));
  }
}
