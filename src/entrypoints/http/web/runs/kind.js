/** Short description of a run. */

import { t } from "../core/language.js";

/**
 * Return the level, the people, the text, the style, the format and the check of a run as short texts.
 * @param {import("./progress-stream.js").Run} run
 * @returns {string[]}
 */
export function kindOf(run) {
  const people = run.identities ? [t(`runs.people.${run.identities.mode}`)] : [];
  const text = run.text.mode === "all" ? [] : [t(`runs.text.${run.text.mode}`)];
  return [
    t(`level.${run.anonymization_level}`),
    ...people,
    ...text,
    t(`redaction.${run.redaction}`),
    run.output_format.toUpperCase(),
    t(`runs.verify.${run.verify}`),
  ];
}
