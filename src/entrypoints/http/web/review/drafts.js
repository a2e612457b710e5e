/** Unrendered edits. They outlast the page, and the browser asks before it closes a tab that has some. */

import { Boxes } from "./boxes.js";

/** @type {Map<string, Boxes>} */
const drafts = new Map();

/**
 * Return the boxes of a result with the user's unrendered edits.
 * @param {import("../app.js").App} app
 * @param {string} path of the result
 */
export function boxesOf(app, path) {
  const key = `${app.user?.id} ${path}`;
  const boxes = drafts.get(key) ?? new Boxes(app.api, path);
  for (const [other, draft] of drafts) if (!draft.changes.frames) drafts.delete(other);
  drafts.set(key, boxes);
  return boxes;
}

addEventListener("beforeunload", (event) => {
  if ([...drafts.values()].some((draft) => draft.isUnsent)) event.preventDefault();
});
