/** Static overlays that the service proposes as regions; the user accepts or dismisses each. */

import { Problem } from "../core/api.js";
import { postForEvents } from "../core/event-stream.js";
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
  /** Frames that the search has analysed, and all of them; 0 before it begins. */
  progress = { done: 0, total: 0 };
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
    this.progress = { done: 0, total: 0 };
    this.#setState("waiting", []);
    try {
      const path = `/api/videos/${this.#marks.video.id}/regions/proposals/events`;
      await postForEvents(this.#app.api, path, (name, data) => this.#receive(name, data), this.#signal);
      if (this.state === "waiting") throw this.#app.api.unreachable();
    } catch (error) {
      if (this.#signal.aborted) return;
      this.error = error;
      this.#setState("failed", []);
    }
  }

  /**
   * @param {string} name
   * @param {any} data
   */
  #receive(name, data) {
    if (name === "problem") throw new Problem(data);
    if (name === "progress") {
      this.progress = data;
      this.#emit();
    } else if (name === "proposals") {
      const unmarked = data.filter((/** @type {Proposal} */ proposal) => !this.#isMarked(proposal));
      this.#setState(unmarked.length ? "found" : "none", unmarked);
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
