/** Dialog to list, add, change and remove the grants of a video. */

import { isAborted, Problem, messageOf } from "../core/api.js";
import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { showDialog } from "../ui/dialog.js";
import { field, form, select } from "../ui/fields.js";
import { removeButton } from "../ui/inputs.js";
import { empty, loaded } from "../ui/placeholders.js";
import { nameOf } from "./video.js";

const ROLES = ["viewer", "editor"];
/** Most accounts that are offered in a list; with more, the account number is entered. */
const MAX_LISTED = 100;

/**
 * @typedef {object} Grant a grant as returned by the API
 * @property {number} user_id
 * @property {string | null} username null where the account was named by its number
 * @property {string | null} display_name
 * @property {"viewer" | "editor"} role
 */

/**
 * Show the dialog.
 * @param {import("../app.js").App} app
 * @param {import("./video.js").Video} video
 */
export function share(app, video) {
  const leaving = new AbortController();
  const { signal } = leaving;
  const path = `/api/videos/${video.id}/grants/`;
  // Messages on the page behind the dialog would go unnoticed.
  const problem = el("p", { class: "form-problem", role: "alert" });
  const grants = loaded(
    app.api,
    signal,
    () => app.api.get(path, { signal }),
    (/** @type {Grant[]} */ items) =>
      items.length ? el("ul", { class: "rows" }, items.map(row)) : empty(t("sharing.none")),
  );

  /** @param {Grant} grant */
  function row(grant) {
    const name = grantee(grant);
    const role = select(roles(), grant.role, {
      "aria-label": t("sharing.rightOf", { name }),
      onchange: () => attempt(() => app.api.put(path, { user_id: grant.user_id, role: role.value })),
    });
    const remove = () => attempt(() => app.api.delete(`${path}${grant.user_id}`));
    return el("li", {}, el("b", {}, name), role, removeButton(t("sharing.remove", { name }), remove));
  }

  /** @param {() => Promise<unknown>} change */
  async function attempt(change) {
    problem.textContent = "";
    try {
      await change();
    } catch (error) {
      if (!isAborted(error)) problem.textContent = messageOf(error);
    }
    await grants.reload();
  }

  const adding = loaded(
    app.api,
    signal,
    () => accounts(app, video, signal),
    (listed) => {
      const account = listed ? select(listed, listed[0]?.[0] ?? "") : usernameInput();
      const role = select(roles(), ROLES[0]);
      const grantForm = form(
        { class: "stack" },
        async () => {
          problem.textContent = "";
          const chosen = listed ? { user_id: Number(account.value) } : { username: account.value.trim() };
          await putGrant(app, path, chosen, role.value);
          grantForm.reset();
          await grants.reload();
        },
        listed
          ? field(t("sharing.account"), account)
          : field(t("sharing.username"), account, t("sharing.usernameHelp")),
        field(t("sharing.right"), role),
        el("button", { type: "submit", class: "primary" }, t("sharing.add")),
      );
      return listed?.length === 0 ? el("p", { class: "help" }, t("sharing.nobodyElse")) : grantForm;
    },
  );
  const dialog = showDialog(
    t("sharing.title", { name: nameOf(video) }),
    el("p", { class: "help" }, t("sharing.lead")),
    grants.node,
    problem,
    el("h3", {}, t("sharing.with")),
    adding.node,
  );
  dialog.classList.add("sharing");
  dialog.addEventListener("close", () => leaving.abort());
}

/** Return the names of the account of a grant, as far as they are known. @param {Grant} grant */
function grantee({ username, display_name: full, user_id }) {
  if (!username) return t("sharing.number", { number: String(user_id) });
  return full && full !== username ? t("sharing.names", { full, username }) : username;
}

/** Return the permissions that can be granted. @returns {[string, string][]} */
export function roles() {
  return ROLES.map((role) => [role, t(`sharing.${role}`)]);
}

/** An input for the user name of an account. */
export function usernameInput() {
  return el("input", { required: true, maxlength: 150, autocomplete: "off", autocapitalize: "none" });
}

/**
 * Return the accounts to choose from; null for users who may not list accounts, and when there are too many.
 * @param {import("../app.js").App} app
 * @param {import("./video.js").Video} video
 * @param {AbortSignal} signal
 * @returns {Promise<[string, string][] | null>}
 */
async function accounts(app, video, signal) {
  if (!app.isAdmin) return null;
  const { items, total } = await app.api.get("/api/users", { query: { limit: MAX_LISTED }, signal });
  if (total > items.length) return null;
  return items
    .filter((/** @type {any} */ user) => !user.disabled && !(video.is_own && user.id === app.user?.id))
    .map((/** @type {any} */ user) => [String(user.id), user.username]);
}

/**
 * Share a video with an account.
 * @param {import("../app.js").App} app
 * @param {string} path of its grants
 * @param {{user_id: number} | {username: string}} account
 * @param {string} role
 */
export async function putGrant(app, path, account, role) {
  try {
    await app.api.put(path, { ...account, role });
  } catch (error) {
    if (error instanceof Problem && error.code === "invalid_option")
      throw new Problem({ code: "shared_with_owner" });
    throw error;
  }
}
