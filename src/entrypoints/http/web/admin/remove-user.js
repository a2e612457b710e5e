/** Dialog to remove an account, and to hand over what it owns. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { showDialog } from "../ui/dialog.js";
import { field, form, select } from "../ui/fields.js";
import { loaded } from "../ui/placeholders.js";

/** Most accounts to choose from. */
const MAX_LISTED = 100;

/**
 * @param {import("../app.js").App} app
 * @param {import("./users.js").Account} account
 * @param {() => void} reload
 */
export function removeUser(app, account, reload) {
  const leaving = new AbortController();
  const { signal } = leaving;
  const name = account.username;
  const load = () => app.api.get("/api/users", { query: { limit: MAX_LISTED }, signal });
  const content = loaded(app.api, signal, load, ({ items }) => {
    const others = items
      .filter((/** @type {import("./users.js").Account} */ other) => other.id !== account.id && !other.disabled)
      .map((/** @type {import("./users.js").Account} */ other) => [String(other.id), other.username]);
    const heir = select([["", t("users.removeNothing")], ...others], "");
    return form(
      { class: "stack" },
      async () => {
        const query = heir.value ? `?transfer_to=${heir.value}` : "";
        await app.api.delete(`/api/users/${account.id}${query}`);
        app.announcer.say(t("users.removed", { name }));
        dialog.close();
        reload();
      },
      field(t("users.removeTo"), heir, t("users.removeHelp")),
      el("button", { type: "submit", class: "danger" }, t("users.remove")),
    );
  });
  const dialog = showDialog(
    t("users.removeOf", { name }),
    el("p", {}, t("users.removeWords", { name })),
    content.node,
  );
  dialog.addEventListener("close", () => leaving.abort());
}
