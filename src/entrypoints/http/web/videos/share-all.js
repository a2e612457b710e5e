/** Dialog to share the selected videos with one account. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { showDialog } from "../ui/dialog.js";
import { field, form, select } from "../ui/fields.js";
import { putGrant, roles, usernameInput } from "./sharing.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("./video.js").Video[]} videos that the user may share
 */
export function shareAll(app, videos) {
  const account = usernameInput();
  const role = select(roles(), "viewer");
  const dialog = showDialog(
    t("sharing.many", { count: videos.length }),
    el("p", { class: "help" }, t("sharing.lead")),
    form(
      { class: "stack" },
      async () => {
        const username = account.value.trim();
        for (const video of videos)
          await putGrant(app, `/api/videos/${video.id}/grants/`, { username }, role.value);
        app.announcer.say(t("sharing.manyDone", { count: videos.length, name: username }));
        dialog.close();
      },
      field(t("sharing.username"), account, t("sharing.usernameHelp")),
      field(t("sharing.right"), role),
      el("button", { type: "submit", class: "primary" }, t("sharing.add")),
    ),
  );
}
