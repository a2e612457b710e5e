/** Dialogs to rename a video and to change tags. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { showDialog } from "../ui/dialog.js";
import { field, form } from "../ui/fields.js";

/**
 * Show the dialog to change title and tags of a video.
 * @param {import("../app.js").App} app
 * @param {import("./video.js").Video} video
 * @param {() => void} reload
 */
export function describe(app, video, reload) {
  const title = el("input", { value: video.title ?? "", maxlength: 200, autocomplete: "off" });
  const tags = el("input", { value: video.tags.join(", "), maxlength: 900, autocomplete: "off" });
  const dialog = showDialog(
    t("describe.title", { name: video.filename }),
    form(
      { class: "stack" },
      async () => {
        const change = { title: title.value.trim() || null, tags: split(tags.value) };
        await app.api.patch(`/api/videos/${video.id}`, change);
        dialog.close();
        reload();
      },
      field(t("describe.name"), title, t("describe.nameHelp")),
      field(t("describe.tags"), tags, t("describe.tagsHelp")),
      el("button", { type: "submit", class: "primary" }, t("describe.save")),
    ),
  );
}

/**
 * Show the dialog to add tags to several videos.
 * @param {import("../app.js").App} app
 * @param {import("./video.js").Video[]} videos
 * @param {() => void} reload
 */
export function describeAll(app, videos, reload) {
  const tags = el("input", { maxlength: 900, autocomplete: "off", required: true });
  const dialog = showDialog(
    t("describe.many", { count: videos.length }),
    form(
      { class: "stack" },
      async () => {
        for (const video of videos) {
          const change = { tags: [...video.tags, ...split(tags.value)] };
          const changed = await app.api.patch(`/api/videos/${video.id}`, change);
          app.selection.set([changed], true);
        }
        dialog.close();
        reload();
      },
      field(t("describe.addTags"), tags, t("describe.tagsHelp")),
      el("button", { type: "submit", class: "primary" }, t("describe.save")),
    ),
  );
}

/** @param {string} text tags, separated by commas */
function split(text) {
  return text
    .split(",")
    .map((tag) => tag.trim())
    .filter(Boolean);
}
