/** News of runs, as they come. */

import { Seats } from "../core/seats.js";

/**
 * @typedef {"pending" | "processing" | "completed" | "failed" | "cancelled"} Status
 *
 * @typedef {object} Run as the service lists it
 * @property {string} request_id
 * @property {number} video_id
 * @property {string} anonymization_level
 * @property {string} output_format
 * @property {string} redaction
 * @property {number[]} segment_ids
 * @property {number} quality
 * @property {string} audio
 * @property {string} language
 * @property {string} priority
 * @property {import("../order/kept-text.js").Kept[]} keep_text
 * @property {"none" | "sample" | "all"} verify
 * @property {{mode: "except" | "only", gallery_id: string, threshold: number | null, unknown: string} | null} identities
 * @property {Status} status
 * @property {number} progress
 * @property {number} total_frames
 * @property {number} processed_frames
 * @property {number | null} blanked_frames that are black in the result; null until it is completed
 * @property {string} created_at
 * @property {string | null} started_at
 * @property {string | null} completed_at
 * @property {string | null} error
 * @property {string | null} error_code
 * @property {number | null} [result_bytes]
 * @property {number | null} [estimated_remaining_time] only in news
 */

const FINAL = new Set(["completed", "failed", "cancelled"]);

/** @param {{status: Status}} run */
export function isFinal(run) {
  return FINAL.has(run.status);
}

/**
 * @typedef {object} Followed
 * @property {string} id of the run
 * @property {AbortSignal} signal
 * @property {(state: Run) => void} tell
 * @property {(() => void) | null} hangUp ends the stream of its news; null while there is none
 */

/**
 * A browser has six connections to a service, of all its tabs together. Streams keep theirs, so there are no
 * more than these, and the other runs are asked after.
 */
const SEATS = new Seats("framecloak.news", 2);
const ASKED_EVERY = 4000;

/** Tells how runs are getting on, those first that were followed first; nothing while nobody sees the tab. */
export class News {
  #api;
  /** @type {Set<Followed>} */
  #followed = new Set();
  #isBusy = false;

  /** @param {import("../core/api.js").Api} api */
  constructor(api) {
    this.#api = api;
    setInterval(() => this.#keepUp(), ASKED_EVERY);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) for (const one of this.#followed) one.hangUp?.();
      else this.#keepUp();
    });
  }

  /**
   * Hear of a run, until it is over or somebody leaves.
   * @param {string} id
   * @param {AbortSignal} signal
   * @param {(state: Run) => void} tell
   */
  follow(id, signal, tell) {
    if (signal.aborted) return;
    const one = { id, signal, tell, hangUp: null };
    this.#followed.add(one);
    signal.addEventListener("abort", () => this.#forget(one));
    this.#keepUp();
  }

  /** @param {Followed} one */
  #forget(one) {
    this.#followed.delete(one);
    one.hangUp?.();
  }

  /** Listen where there is a seat, and ask after the others, one at a time. */
  async #keepUp() {
    if (this.#isBusy || document.hidden) return;
    this.#isBusy = true;
    for (const one of this.#followed) {
      if (!one.hangUp && !(await this.#listen(one)) && !document.hidden) await this.#ask(one);
    }
    this.#isBusy = false;
  }

  /**
   * @param {Followed} one
   * @returns {Promise<boolean>} whether there was a seat
   */
  async #listen(one) {
    const leave = await SEATS.take();
    if (!leave) return false;
    if (one.signal.aborted || document.hidden) {
      leave();
      return true;
    }
    const source = new EventSource(`/api/frames/anonymize/events/${one.id}/`);
    one.hangUp = () => {
      one.hangUp = null;
      source.close();
      leave();
    };
    source.onmessage = (event) => this.#heard(one, JSON.parse(event.data));
    // The run can be seen no more, which asking for it says in words.
    source.addEventListener("problem", () => this.#forget(one));
    source.onerror = () => {
      // The browser connects again by itself, unless it was answered with an error.
      if (source.readyState === EventSource.CLOSED) one.hangUp?.();
      // Asking finds out what is the matter, and tells it.
      this.#ask(one);
    };
    return true;
  }

  /** @param {Followed} one */
  async #ask(one) {
    const { id, signal } = one;
    const state = await this.#api.get(`/api/frames/anonymize/status/${id}/`, { signal }).catch(() => null);
    if (state && this.#followed.has(one)) this.#heard(one, state);
  }

  /**
   * @param {Followed} one
   * @param {Run} state
   */
  #heard(one, state) {
    if (isFinal(state)) this.#forget(one);
    one.tell(state);
  }
}
