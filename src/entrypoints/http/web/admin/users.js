/** Accounts: creation, roles, locks and passwords. */

import { el } from "../core/dom.js";
import { dateTime, t } from "../core/language.js";
import { confirmed, showDialog } from "../ui/dialog.js";
import { field, form, select } from "../ui/fields.js";
import { removeButton } from "../ui/inputs.js";
import { pager } from "../ui/pager.js";
import { loaded } from "../ui/placeholders.js";
import { removeUser } from "./remove-user.js";

const PAGE = 20;
const ROLES = ["user", "admin"];

/**
 * @typedef {object} Account an account as returned by the API
 * @property {number} id
 * @property {string} username
 * @property {string} role
 * @property {boolean} disabled
 * @property {string} created_at
 * @property {boolean} local_sign_in false for an account without a password
 */

/**
 * @param {import("../app.js").App} app
 * @param {AbortSignal} signal
 */
export function users(app, signal) {
  let offset = 0;
  const load = () =>
    Promise.all([
      app.api.get("/api/users", { query: { limit: PAGE, offset }, signal }),
      app.api.get("/api/auth/oidc", { signal }),
    ]);
  const list = loaded(app.api, signal, load, ([page, provider], reload) => {
    const turn = (/** @type {number} */ next) => {
      offset = next;
      reload();
    };
    const rows = page.items.map((/** @type {Account} */ account) =>
      row(app, account, provider.enabled, reload),
    );
    return [el("ul", { class: "rows" }, rows), pager(page, turn) ?? el("span")];
  });
  const username = el("input", {
    required: true,
    maxlength: 150,
    autocomplete: "off",
    autocapitalize: "none",
  });
  const password = newPassword();
  const role = select(
    ROLES.map((name) => [name, t(`role.${name}`)]),
    ROLES[0],
  );
  const creationForm = form(
    { class: "card row" },
    async () => {
      const body = { username: username.value.trim(), password: password.value, role: role.value };
      const account = await app.api.post("/api/users", body);
      app.announcer.say(t("users.made", { name: account.username }));
      creationForm.reset();
      await list.reload();
    },
    field(t("users.name"), username),
    field(t("users.password"), password, t("users.passwordHelp")),
    field(t("users.role"), role),
    el("button", { type: "submit", class: "primary" }, t("users.make")),
  );
  return el("section", {}, el("h2", {}, t("users.title")), creationForm, list.node);
}

function newPassword() {
  return el("input", { type: "password", required: true, autocomplete: "new-password" });
}

/**
 * @param {import("../app.js").App} app
 * @param {Account} account
 * @param {boolean} hasProvider whether the installation has an identity provider
 * @param {() => void} reload
 */
function row(app, account, hasProvider, reload) {
  const isOwn = account.id === app.user?.id;
  const lock = account.disabled ? "users.unlock" : "users.lock";

  async function toggleLock() {
    const text = t("users.lockWords", { name: account.username });
    if (!account.disabled && !(await confirmed({ title: t(lock), text, action: t(lock) }))) return;
    await change({ disabled: !account.disabled });
  }

  /** @param {object} changes */
  async function change(changes) {
    try {
      await app.api.patch(`/api/users/${account.id}`, changes);
      reload();
    } catch (error) {
      app.announcer.problem(error);
    }
  }

  function resetPassword() {
    const password = newPassword();
    const passwordForm = form(
      { class: "stack" },
      async () => {
        await app.api.patch(`/api/users/${account.id}`, { password: password.value });
        dialog.close();
        app.announcer.say(t("users.resetDone", { name: account.username }));
        reload();
      },
      field(t("users.password"), password, t("users.passwordHelp")),
      el("button", { type: "submit", class: "primary" }, t("users.reset")),
    );
    const text = el("p", {}, t("users.resetWords"));
    const dialog = showDialog(t("users.resetOf", { name: account.username }), text, passwordForm);
  }

  function linkIdentity() {
    const subject = el("input", { required: true, maxlength: 255, autocomplete: "off" });
    const subjectForm = form(
      { class: "stack" },
      async () => {
        await app.api.put(`/api/users/${account.id}/identity`, { subject: subject.value.trim() });
        dialog.close();
        app.announcer.say(t("users.linked", { name: account.username }));
        reload();
      },
      field(t("users.subject"), subject, t("users.subjectHelp")),
      el("button", { type: "submit", class: "primary" }, t("users.link")),
    );
    const text = el("p", {}, t("users.linkWords", { name: account.username }));
    const dialog = showDialog(t("users.link"), text, subjectForm);
  }

  async function unlinkIdentity() {
    const text = t("users.unlinkWords", { name: account.username });
    if (!(await confirmed({ title: t("users.unlink"), text, action: t("users.unlink") }))) return;
    try {
      await app.api.delete(`/api/users/${account.id}/identity`);
    } catch (error) {
      app.announcer.problem(error);
      return;
    }
    app.announcer.say(t("users.unlinked", { name: account.username }));
    reload();
    // Without a password nobody could sign in with the account.
    resetPassword();
  }

  const role = select(
    ROLES.map((name) => [name, t(`role.${name}`)]),
    account.role,
    {
      "aria-label": t("users.roleOf", { name: account.username }),
      disabled: isOwn,
      onchange: () => change({ role: role.value }),
    },
  );
  return el(
    "li",
    {},
    el("b", {}, account.username, isOwn && ` ${t("users.you")}`),
    el("span", { class: "facts" }, t("users.since", { when: dateTime(account.created_at) })),
    !account.local_sign_in && el("span", { class: "badge" }, t("users.noPassword")),
    account.disabled && el("span", { class: "badge", "data-status": "failed" }, t("users.locked")),
    role,
    el(
      "button",
      {
        type: "button",
        disabled: isOwn,
        onclick: resetPassword,
        "aria-label": `${t("users.reset")}: ${account.username}`,
      },
      t("users.reset"),
    ),
    hasProvider &&
      el(
        "button",
        {
          type: "button",
          disabled: isOwn,
          onclick: linkIdentity,
          "aria-label": `${t("users.link")}: ${account.username}`,
        },
        t("users.link"),
      ),
    hasProvider &&
      !account.local_sign_in &&
      el(
        "button",
        {
          type: "button",
          disabled: isOwn,
          onclick: unlinkIdentity,
          "aria-label": `${t("users.unlink")}: ${account.username}`,
        },
        t("users.unlink"),
      ),
    el(
      "button",
      {
        type: "button",
        disabled: isOwn,
        onclick: toggleLock,
        "aria-label": `${t(lock)}: ${account.username}`,
      },
      t(lock),
    ),
    !isOwn && removeButton(t("users.removeOf", { name: account.username }), () => removeUser(app, account, reload)),
  );
}
