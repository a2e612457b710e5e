/** Orders that were begun and not sent: they outlast the page, so that nothing is reset unseen. */

/**
 * @typedef {import("./choices.js").Choices} Choices
 *
 * @typedef {object} Begun what was chosen
 * @property {Choices} choices
 * @property {import("./kept-text.js").Kept[]} kept areas in which text stays
 */

/** @type {Map<string, Begun>} */
const drafts = new Map();

/** The order that somebody has begun at an address. */
export class Draft {
  #key;

  /**
   * @param {import("../app.js").App} app
   * @param {import("../core/router.js").Place} place
   */
  constructor(app, place) {
    this.#key = `${app.user?.id} ${place.path}?${place.query}`;
  }

  /** @returns {Begun | undefined} nothing, where all is as it was suggested */
  get begun() {
    return drafts.get(this.#key);
  }

  /** @param {Begun} begun */
  keep(begun) {
    drafts.set(this.#key, begun);
  }

  /** It was sent, or is not wanted any more. */
  drop() {
    drafts.delete(this.#key);
  }
}
