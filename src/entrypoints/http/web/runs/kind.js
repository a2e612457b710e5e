/** What a run does, in a few words. */

import { t } from "../core/language.js";

/**
 * What is covered, of whom, how, in which format, and how it is checked.
 * @param {import("./follow.js").Run} run
 * @returns {string[]}
 */
export function kindOf(run) {
  const people = run.identities ? [t(`runs.people.${run.identities.mode}`)] : [];
  return [
    t(`level.${run.anonymization_level}`),
    ...people,
    t(`redaction.${run.redaction}`),
    run.output_format.toUpperCase(),
    t(`runs.verify.${run.verify}`),
  ];
}
