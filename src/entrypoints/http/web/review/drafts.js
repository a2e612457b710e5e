/** Edits that were not rendered yet: they outlast the page, and the tab is not closed over them unasked. */

import { Boxes } from "./boxes.js";

/** @type {Map<string, Boxes>} */
const drafts = new Map();

/**
 * The boxes of a result, as somebody has left them.
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
