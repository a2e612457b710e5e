/** Static overlays that the service proposes as regions; the user accepts or dismisses each. */

import { LONG_TIMEOUT } from "../core/api.js";
import { t } from "../core/language.js";

/**
 * @typedef {object} Proposal a proposal as returned by the API
 * @property {{x: number, y: number, width: number, height: number, label: string}} region
 * @property {number} stillness share of its lines that stand still, 0 to 1
 * @property {"text" | "drawing"} reason
 *
 * @typedef {"unasked" | "waiting" | "found" | "none" | "done" | "failed"} State
 */

/** Proposals and the state of the search. Dispatches `proposals` when either changes. */
export class Proposals extends EventTarget {
  /** @type {Proposal[]} */
  items = [];
  /** @type {State} */
  state = "unasked";
  /** Error of the last search. @type {unknown} */
  error = null;
  /** The highlighted proposal. @type {Proposal | null} */
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

  /** Request proposals from the service, which takes seconds. */
  async search() {
    this.#setState("waiting", []);
    try {
      const path = `/api/videos/${this.#marks.video.id}/regions/proposals`;
      const options = { signal: this.#signal, timeout: LONG_TIMEOUT };
      const proposed = await this.#app.api.post(path, undefined, options);
      const unmarked = proposed.filter((/** @type {Proposal} */ proposal) => !this.#isMarked(proposal));
      this.#setState(unmarked.length ? "found" : "none", unmarked);
    } catch (error) {
      if (this.#signal.aborted) return;
      this.error = error;
      this.#setState("failed", []);
    }
  }

  /** @param {Proposal | null} proposal */
  select(proposal) {
    this.selected = proposal;
    this.#emit();
  }

  /**
   * Add a proposal as a region.
   * @param {Proposal} proposal
   */
  async accept(proposal) {
    // The label is stored in the current language.
    const label = t(`proposal.${proposal.reason}`);
    await this.#marks.addRegion({ ...proposal.region, label, start_frame: null, end_frame: null });
    this.dismiss(proposal);
  }

  /** Accept all proposals, stopping at the first error. */
  async acceptAll() {
    await this.#marks.together(async () => {
      for (const proposal of this.items) await this.accept(proposal);
    });
  }

  /** @param {Proposal} proposal */
  dismiss(proposal) {
    const remaining = this.items.filter((other) => other !== proposal);
    this.#setState(remaining.length ? "found" : "done", remaining);
  }

  dismissAll() {
    this.#setState("done", []);
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
  #setState(state, items) {
    this.state = state;
    this.items = items;
    if (this.selected && !items.includes(this.selected)) this.selected = null;
    this.#emit();
  }

  #emit() {
    this.dispatchEvent(new Event("proposals"));
  }
}
