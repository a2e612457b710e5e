/** Interpretation of the cosine similarity of two faces, which depends on the recognition model. */

/**
 * @typedef {object} SimilarityScale reference cosines of a model, as returned by the API
 * @property {number} unrelated typical cosine of two different people
 * @property {number} possible from this cosine on, two faces may be of the same person
 * @property {number} usual default threshold: from this cosine on, two faces count as the same person
 */

/**
 * @param {number} cosine
 * @param {SimilarityScale} scale
 * @returns {"likely" | "perhaps" | "unlikely"}
 */
export function classify(cosine, scale) {
  if (cosine >= scale.usual) return "likely";
  return cosine >= scale.possible ? "perhaps" : "unlikely";
}

/**
 * Return the position of a cosine on its scale, 0 to 1, for a bar.
 * @param {number} cosine
 * @param {SimilarityScale | null} scale null for a model without reference values
 */
export function fraction(cosine, scale) {
  const min = scale?.unrelated ?? 0;
  return Math.max(0, (cosine - min) / (1 - min));
}

/**
 * Return the properties of a slider for the threshold of a match, from the typical cosine of different people to 1.
 * @param {{threshold: number, likeness: SimilarityScale | null}} gallery
 * @returns {{min: number, max: number, step: number, value: string}}
 */
export function thresholdRange({ threshold, likeness }) {
  return { min: Math.max(0.01, likeness?.unrelated ?? 0), max: 1, step: 0.01, value: String(threshold) };
}
