/** News of a run, as they come. */

/**
 * @typedef {"pending" | "processing" | "completed" | "failed" | "cancelled"} Status
 *
 * @typedef {object} Run as the service lists it
 * @property {string} request_id
 * @property {number} video_id
 * @property {string} anonymization_level
 * @property {string} output_format
 * @property {string} redaction
 * @property {"none" | "sample" | "all"} verify
 * @property {{mode: "except" | "only"} | null} [identities]
 * @property {Status} status
 * @property {number} progress
 * @property {number} total_frames
 * @property {number} processed_frames
 * @property {number | null} blanked_frames that are black in the result; null until it is completed
 * @property {string} created_at
 * @property {string | null} started_at
 * @property {string | null} completed_at
 * @property {string | null} error
 * @property {number | null} [result_bytes]
 * @property {number | null} [estimated_remaining_time] only in news
 */

const FINAL = new Set(["completed", "failed", "cancelled"]);

/** @param {{status: Status}} run */
export function isFinal(run) {
  return FINAL.has(run.status);
}

/**
 * Listen to the news of a run, until it is over or somebody leaves.
 * @param {import("../core/api.js").Api} api
 * @param {string} id
 * @param {AbortSignal} signal
 * @param {(state: Run) => void} tell
 */
export function follow(api, id, signal, tell) {
  if (signal.aborted) return;
  const source = new EventSource(`/api/frames/anonymize/events/${id}/`);
  const over = new AbortController();
  const stop = () => {
    source.close();
    over.abort();
  };
  signal.addEventListener("abort", stop, { signal: over.signal });
  source.onmessage = (event) => {
    const state = JSON.parse(event.data);
    if (isFinal(state)) stop();
    tell(state);
  };
  // The run can be seen no more, which asking for it says in words.
  source.addEventListener("problem", stop);
  source.onerror = () => {
    // The browser connects again by itself, unless it was answered with an error.
    if (source.readyState !== EventSource.CLOSED) return api.lose();
    stop();
    setTimeout(() => follow(api, id, signal, tell), 3000);
  };
}
