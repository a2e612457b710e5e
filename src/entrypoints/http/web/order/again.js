/** An order like one that was given before. */

import { isAborted, Problem } from "../core/api.js";
import { boxOf } from "./segments.js";

/**
 * The run that an order is to be like; null when it cannot be seen any more, or was of another video.
 * @param {import("../app.js").App} app
 * @param {string | null} id
 * @param {number} video
 * @param {AbortSignal} signal
 * @returns {Promise<import("../runs/follow.js").Run | null>}
 */
export async function runToRepeat(app, id, video, signal) {
  if (!id) return null;
  try {
    const path = `/api/frames/anonymize/requests/${encodeURIComponent(id)}/`;
    const run = await app.api.get(path, { signal });
    return run.video_id === video ? run : null;
  } catch (error) {
    if (!isAborted(error) && error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

/**
 * What was chosen for a run.
 * @param {import("../runs/follow.js").Run} run
 * @param {import("../mark/marks.js").Segment[]} segments those of the video now
 * @returns {import("./drafts.js").Begun}
 */
export function begunLike(run, segments) {
  const { identities: people } = run;
  /** @type {import("./choices.js").Choices} */
  const choices = {
    level: run.anonymization_level,
    redaction: run.redaction,
    // Two names of one format.
    format: run.output_format === "jpeg" ? "jpg" : run.output_format,
    quality: String(run.quality),
    sound: run.audio,
    report: run.language,
    priority: run.priority,
    identities: people?.mode ?? "everybody",
  };
  // At this level nothing is checked, whatever somebody would have chosen at another one.
  if (run.anonymization_level !== "minimal") choices.verify = run.verify;
  if (people) {
    choices.gallery = people.gallery_id;
    choices.unknown = people.unknown;
    if (people.threshold !== null) choices.threshold = String(people.threshold);
  }
  // Those that were removed since cannot be chosen; where all were, all that there are stay chosen.
  const isLeft = segments.some(({ id }) => run.segment_ids.includes(id));
  if (isLeft) for (const { id } of segments) choices[boxOf(id)] = run.segment_ids.includes(id);
  return { choices, kept: run.keep_text };
}
