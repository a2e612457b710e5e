/** Unsent orders. They outlast the page, so that input is not lost unnoticed. */

/**
 * @typedef {import("./choices.js").Choices} Choices
 *
 * @typedef {object} DraftContent content of the form
 * @property {Choices} choices
 * @property {import("./kept-text.js").KeptArea[]} kept areas in which text stays readable
 */

/** @type {Map<string, DraftContent>} */
const drafts = new Map();

/** The unsent order of a user at an address. */
export class Draft {
  #key;

  /**
   * @param {import("../app.js").App} app
   * @param {import("../core/router.js").Place} place
   */
  constructor(app, place) {
    this.#key = `${app.user?.id} ${place.path}?${place.query}`;
  }

  /** @returns {DraftContent | undefined} undefined when the form has its initial content */
  get content() {
    return drafts.get(this.#key);
  }

  /** @param {DraftContent} content */
  save(content) {
    drafts.set(this.#key, content);
  }

  /** Discard the draft after it was sent or reset. */
  discard() {
    drafts.delete(this.#key);
  }
}
