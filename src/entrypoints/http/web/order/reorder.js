/** Order forms filled in from an earlier run. */

import { isAborted, Problem } from "../core/api.js";
import { checkboxKey } from "./segments.js";
import { textChoices } from "./text-policy.js";

/**
 * Return the run to reorder; null when it is no longer accessible or belongs to another video.
 * @param {import("../app.js").App} app
 * @param {string | null} id
 * @param {number} video
 * @param {AbortSignal} signal
 * @returns {Promise<import("../runs/progress-stream.js").Run | null>}
 */
export async function runToReorder(app, id, video, signal) {
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
 * Return the form content that corresponds to a run.
 * @param {import("../runs/progress-stream.js").Run} run
 * @param {import("../mark/marks.js").Segment[]} segments current segments of the video
 * @returns {import("./drafts.js").DraftContent}
 */
export function draftFromRun(run, segments) {
  const { identities: people } = run;
  /** @type {import("./choices.js").Choices} */
  const choices = {
    level: run.anonymization_level,
    redaction: run.redaction,
    // Aliases of the same format.
    format: run.output_format === "jpeg" ? "jpg" : run.output_format,
    quality: String(run.quality),
    sound: run.audio,
    report: run.language,
    priority: run.priority,
    aspect: run.pixel_aspect ?? "",
    identities: people?.mode ?? "everybody",
    ...textChoices(run.text),
  };
  // This level has no check, so its setting says nothing about the others.
  if (run.anonymization_level !== "minimal") choices.verify = run.verify;
  if (people) {
    choices.gallery = people.gallery_id;
    choices.unknown = people.unknown;
    if (people.threshold !== null) choices.threshold = String(people.threshold);
  }
  // Segments that were removed since are skipped; if none is left, all current segments stay selected.
  const isAnyLeft = segments.some(({ id }) => run.segment_ids.includes(id));
  if (isAnyLeft) for (const { id } of segments) choices[checkboxKey(id)] = run.segment_ids.includes(id);
  return { choices, kept: run.keep_text };
}
