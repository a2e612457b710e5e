/** What a cosine of two faces means, which depends on the model that made them. */

/**
 * @typedef {object} Scale cosines of a model
 * @property {number} least of two faces that have nothing in common, about
 * @property {number} perhaps from here on they may be of one person
 * @property {number} likely from here on they very likely are
 */

/** @type {Scale} */
const ARCFACE = { least: 0, perhaps: 0.3, likely: 0.45 };

/** @type {Record<string, Scale>} */
const SCALES = {
  // Its faces all point in much the same direction: different people reach 0.89.
  "dlib-resnet": { least: 0.7, perhaps: 0.9, likely: 0.93 },
  antelopev2: ARCFACE,
  buffalo_l: ARCFACE,
  buffalo_s: ARCFACE,
};

/**
 * @param {string} model
 * @returns {Scale | null} null for a model that nobody has looked into
 */
export function scaleOf(model) {
  return SCALES[model] ?? null;
}

/**
 * @param {number} cosine
 * @param {Scale} scale
 * @returns {"likely" | "perhaps" | "unlikely"}
 */
export function judged(cosine, scale) {
  if (cosine >= scale.likely) return "likely";
  return cosine >= scale.perhaps ? "perhaps" : "unlikely";
}

/**
 * How far along its scale a cosine is, 0 to 1, for a bar.
 * @param {number} cosine
 * @param {Scale | null} scale
 */
export function share(cosine, scale) {
  const least = scale?.least ?? 0;
  return Math.max(0, (cosine - least) / (1 - least));
}
