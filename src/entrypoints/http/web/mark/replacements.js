/** Regions that changes have replaced: a changed region is a new one with another id. */

/** @typedef {import("./video-view.js").Region} Region */

/** What regions have become. */
export class Replacements {
  /** Replacements by the id of the region that they replaced. @type {Map<number, Region>} */
  #byId = new Map();

  /**
   * @param {Region} region
   * @param {Region} replacement
   */
  add(region, replacement) {
    this.#byId.set(region.id, replacement);
  }

  /**
   * Return what a region has become: another change of it may have been made since it was shown.
   * @param {Region} region
   * @returns {Region}
   */
  latest(region) {
    const replacement = this.#byId.get(region.id);
    return replacement ? this.latest(replacement) : region;
  }
}

/**
 * Return regions without one of them.
 * @param {Region[]} regions
 * @param {Region} region
 * @param {Region} [replacement] takes its position
 * @returns {Region[]}
 */
export function replaced(regions, region, replacement) {
  return regions
    .filter((other) => other !== replacement)
    .flatMap((other) => (other.id === region.id ? (replacement ?? []) : [other]));
}
