/** What a cosine of two faces means, which depends on the model that made them. */

/**
 * @typedef {object} Likeness cosines of a model, as the service knows them
 * @property {number} unrelated about that of two people who have nothing in common
 * @property {number} possible from here on two faces may be of one person
 * @property {number} usual from here on they are usually taken for one person's
 */

/**
 * @param {number} cosine
 * @param {Likeness} likeness
 * @returns {"likely" | "perhaps" | "unlikely"}
 */
export function judged(cosine, likeness) {
  if (cosine >= likeness.usual) return "likely";
  return cosine >= likeness.possible ? "perhaps" : "unlikely";
}

/**
 * How far along its scale a cosine is, 0 to 1, for a bar.
 * @param {number} cosine
 * @param {Likeness | null} likeness null for a model that nobody has looked into
 */
export function share(cosine, likeness) {
  const least = likeness?.unrelated ?? 0;
  return Math.max(0, (cosine - least) / (1 - least));
}

/**
 * A slider for the least cosine of a match, which begins where different people do.
 * @param {{threshold: number, likeness: Likeness | null}} gallery
 * @returns {{min: number, max: number, step: number, value: string}}
 */
export function thresholds({ threshold, likeness }) {
  return { min: Math.max(0.01, likeness?.unrelated ?? 0), max: 1, step: 0.01, value: String(threshold) };
}
