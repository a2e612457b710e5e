/** Live progress of runs. */

import { ConnectionSlots } from "../core/connection-slots.js";

/**
 * @typedef {"pending" | "processing" | "completed" | "failed" | "cancelled"} Status
 *
 * @typedef {object} Run a run as returned by the API
 * @property {string} request_id
 * @property {number} video_id
 * @property {number} user_id account that ordered it
 * @property {string} anonymization_level
 * @property {string} output_format
 * @property {string} redaction
 * @property {number[]} segment_ids
 * @property {number} quality
 * @property {string} audio
 * @property {string} language
 * @property {string} priority
 * @property {import("../order/kept-text.js").KeptArea[]} keep_text
 * @property {string | null} pixel_aspect given width to height of one pixel; null for what the video declares
 * @property {"none" | "sample" | "all"} verify
 * @property {{mode: "except" | "only", gallery_id: string, threshold: number | null, unknown: string} | null} identities
 * @property {import("../order/text-policy.js").TextPolicy} text text that level `full` covers
 * @property {Status} status
 * @property {number} progress
 * @property {number} total_frames
 * @property {number} processed_frames
 * @property {number | null} blanked_frames number of black frames in the result; null until it is completed
 * @property {string} created_at
 * @property {string | null} started_at
 * @property {string | null} completed_at
 * @property {string | null} error
 * @property {string | null} error_code
 * @property {number | null} [result_bytes]
 * @property {string | null} [released_at]
 * @property {string | null} [released_by]
 * @property {number | null} [estimated_remaining_time] only in progress events
 */

const FINAL = new Set(["completed", "failed", "cancelled"]);

/** @param {{status: Status}} run */
export function isFinal(run) {
  return FINAL.has(run.status);
}

/**
 * @typedef {object} Subscription
 * @property {string} id of the run
 * @property {AbortSignal} signal
 * @property {(state: Run) => void} onProgress
 * @property {(() => void) | null} closeStream closes the event stream; null while none is open
 */

/**
 * Browsers allow six connections to one server (HTTP/1.1), shared by all tabs. Event streams occupy theirs
 * permanently, so only this many are opened, and other runs are polled.
 */
const STREAM_SLOTS = new ConnectionSlots("framecloak.progress", 2);
/** Milliseconds between polls. */
const POLL_INTERVAL = 4000;

/**
 * Reports the progress of runs to subscribers; earlier subscriptions get a stream first. Paused while the tab is
 * hidden.
 */
export class ProgressFeed {
  #api;
  /** @type {Set<Subscription>} */
  #subscriptions = new Set();
  #isBusy = false;

  /** @param {import("../core/api.js").Api} api */
  constructor(api) {
    this.#api = api;
    setInterval(() => this.#update(), POLL_INTERVAL);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) for (const subscription of this.#subscriptions) subscription.closeStream?.();
      else this.#update();
    });
  }

  /**
   * Subscribe to a run until it has finished or the signal aborts.
   * @param {string} id
   * @param {AbortSignal} signal
   * @param {(state: Run) => void} onProgress
   */
  subscribe(id, signal, onProgress) {
    if (signal.aborted) return;
    const subscription = { id, signal, onProgress, closeStream: null };
    this.#subscriptions.add(subscription);
    signal.addEventListener("abort", () => this.#remove(subscription));
    this.#update();
  }

  /** @param {Subscription} subscription */
  #remove(subscription) {
    this.#subscriptions.delete(subscription);
    subscription.closeStream?.();
  }

  /** Open streams while slots are free, and poll the other runs one after the other. */
  async #update() {
    if (this.#isBusy || document.hidden) return;
    this.#isBusy = true;
    for (const subscription of this.#subscriptions) {
      if (!subscription.closeStream && !(await this.#openStream(subscription)) && !document.hidden)
        await this.#poll(subscription);
    }
    this.#isBusy = false;
  }

  /**
   * @param {Subscription} subscription
   * @returns {Promise<boolean>} whether a slot was free
   */
  async #openStream(subscription) {
    const release = await STREAM_SLOTS.acquire();
    if (!release) return false;
    if (subscription.signal.aborted || document.hidden) {
      release();
      return true;
    }
    const source = new EventSource(`/api/frames/anonymize/events/${subscription.id}/`);
    subscription.closeStream = () => {
      subscription.closeStream = null;
      source.close();
      release();
    };
    source.onmessage = (event) => this.#receive(subscription, JSON.parse(event.data));
    // The run is no longer accessible.
    source.addEventListener("problem", () => this.#remove(subscription));
    source.onerror = () => {
      // The browser reconnects by itself, unless the response was an error.
      if (source.readyState === EventSource.CLOSED) subscription.closeStream?.();
      // Polling shows the reason.
      this.#poll(subscription);
    };
    return true;
  }

  /** @param {Subscription} subscription */
  async #poll(subscription) {
    const { id, signal } = subscription;
    const state = await this.#api.get(`/api/frames/anonymize/status/${id}/`, { signal }).catch(() => null);
    if (!state || !this.#subscriptions.has(subscription)) return;
    // The polled status does not tell waiting and running apart.
    this.#receive(subscription, state.is_waiting ? { ...state, status: "pending" } : state);
  }

  /**
   * @param {Subscription} subscription
   * @param {Run} state
   */
  #receive(subscription, state) {
    if (isFinal(state)) this.#remove(subscription);
    subscription.onProgress(state);
  }
}
