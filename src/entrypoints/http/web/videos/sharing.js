/** Who else may use a video: listed, added, changed and removed in a dialog. */

import { isAborted, Problem, wordsOf } from "../core/api.js";
import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { shown } from "../ui/dialog.js";
import { field, form, select } from "../ui/fields.js";
import { removeButton } from "../ui/inputs.js";
import { empty, loaded } from "../ui/states.js";

const ROLES = ["viewer", "editor"];
/** Accounts that can be listed to choose from; of more than these the number is asked for. */
const MOST_LISTED = 100;

/**
 * @typedef {object} Grant as the service describes it
 * @property {number} user_id
 * @property {string | null} username for administrators only
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
  // Messages on the page behind the dialog would be missed.
  const problem = el("p", { class: "form-problem", role: "alert" });
  const grants = loaded(
    app.api,
    signal,
    () => app.api.get(path, { signal }),
    (/** @type {Grant[]} */ found) =>
      found.length ? el("ul", { class: "rows" }, found.map(row)) : empty(t("sharing.none")),
  );

  /** @param {Grant} grant */
  function row(grant) {
    const name = grant.username ?? t("sharing.number", { number: String(grant.user_id) });
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
      if (!isAborted(error)) problem.textContent = wordsOf(error);
    }
    await grants.reload();
  }

  const adding = loaded(
    app.api,
    signal,
    () => accounts(app, video, signal),
    (known) => {
      const account = known ? select(known, known[0]?.[0] ?? "") : numberOfAccount();
      const role = select(roles(), ROLES[0]);
      const made = form(
        { class: "stack" },
        async () => {
          problem.textContent = "";
          await put(app, path, Number(account.value), role.value);
          made.reset();
          await grants.reload();
        },
        known
          ? field(t("sharing.account"), account)
          : field(t("sharing.accountNumber"), account, t("sharing.accountHelp")),
        field(t("sharing.right"), role),
        el("button", { type: "submit", class: "primary" }, t("sharing.add")),
      );
      return known?.length === 0 ? el("p", { class: "help" }, t("sharing.nobodyElse")) : made;
    },
  );
  const dialog = shown(
    t("sharing.title", { name: video.filename }),
    el("p", { class: "help" }, t("sharing.lead")),
    grants.node,
    problem,
    el("h3", {}, t("sharing.with")),
    adding.node,
  );
  dialog.classList.add("sharing");
  dialog.addEventListener("close", () => leaving.abort());
}

/** @returns {[string, string][]} */
function roles() {
  return ROLES.map((role) => [role, t(`sharing.${role}`)]);
}

function numberOfAccount() {
  return el("input", { type: "number", min: 1, step: 1, required: true, inputmode: "numeric" });
}

/**
 * Accounts to choose from; null for those who may not know them, and where there are too many.
 * @param {import("../app.js").App} app
 * @param {import("./video.js").Video} video
 * @param {AbortSignal} signal
 * @returns {Promise<[string, string][] | null>}
 */
async function accounts(app, video, signal) {
  if (!app.isAdmin) return null;
  const { items, total } = await app.api.get("/api/users", { query: { limit: MOST_LISTED }, signal });
  if (total > items.length) return null;
  return items
    .filter((/** @type {any} */ user) => !user.disabled && !(video.is_own && user.id === app.user?.id))
    .map((/** @type {any} */ user) => [String(user.id), user.username]);
}

/**
 * @param {import("../app.js").App} app
 * @param {string} path
 * @param {number} account
 * @param {string} role
 */
async function put(app, path, account, role) {
  try {
    await app.api.put(path, { user_id: account, role });
  } catch (error) {
    if (error instanceof Problem && error.code === "invalid_option")
      throw new Problem({ code: "shared_with_owner" });
    throw error;
  }
}
