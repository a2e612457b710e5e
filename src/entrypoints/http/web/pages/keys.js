/** API keys, with which programs use the API on behalf of an account. */

import { el } from "../core/dom.js";
import { dateTime, t } from "../core/language.js";
import { confirmed, showDialog } from "../ui/dialog.js";
import { field, form } from "../ui/fields.js";
import { empty, loaded } from "../ui/placeholders.js";
import { passwordForm, profileForm } from "./profile.js";

/**
 * @typedef {object} Key a key as returned by the API
 * @property {number} id
 * @property {string} name
 * @property {string} prefix
 * @property {string} created_at
 * @property {string | null} expires_at
 * @property {string | null} last_used_at
 */

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} _place
 * @param {AbortSignal} signal
 */
export function keys(app, _place, signal) {
  const list = loaded(
    app.api,
    signal,
    () => app.api.get("/api/auth/api-keys", { signal }),
    (items, reload) =>
      items.length
        ? el(
            "ul",
            { class: "rows" },
            items.map((/** @type {Key} */ key) => row(app, key, reload)),
          )
        : empty(t("keys.none")),
  );
  const name = el("input", { required: true, maxlength: 100 });
  const expiry = el("input", { type: "date", min: new Date().toISOString().slice(0, 10) });
  const creationForm = form(
    { class: "card row" },
    async () => {
      const ends = expiry.value && new Date(`${expiry.value}T23:59:59`).toISOString();
      const key = await app.api.post("/api/auth/api-keys", {
        name: name.value.trim(),
        expires_at: ends || null,
      });
      creationForm.reset();
      await list.reload();
      showOnce(app, key.key);
    },
    field(t("keys.name"), name, t("keys.nameHelp")),
    field(t("keys.expiry"), expiry, t("keys.expiryHelp")),
    el("button", { type: "submit", class: "primary" }, t("keys.make")),
  );
  return el(
    "div",
    {},
    el("h1", { tabindex: "-1" }, t("keys.title")),
    el("p", { class: "lead" }, t("keys.lead")),
    creationForm,
    list.node,
    profileForm(app),
    el(
      "section",
      {},
      el("h2", {}, t("password.title")),
      app.user?.local_sign_in ? passwordForm(app, () => {}) : el("p", {}, t("password.elsewhere")),
    ),
    signingKey(app, signal),
  );
}

/**
 * The public key with which results of this installation are verified, as a file.
 * @param {import("../app.js").App} app
 * @param {AbortSignal} signal
 */
function signingKey(app, signal) {
  const key = loaded(
    app.api,
    signal,
    () => app.api.get("/api/frames/anonymize/signing-key", { signal }),
    (/** @type {{key_id: string, public_key: string}} */ { key_id: id, public_key: pem }) => [
      el("p", {}, el("code", {}, id)),
      el(
        "a",
        {
          class: "button",
          href: `data:application/x-pem-file,${encodeURIComponent(pem)}`,
          download: `framecloak-${id}.pem`,
        },
        t("signingKey.download"),
      ),
    ],
  );
  return el("section", {}, el("h2", {}, t("signingKey.title")), el("p", {}, t("signingKey.lead")), key.node);
}

/**
 * @param {import("../app.js").App} app
 * @param {string} secret
 */
function showOnce(app, secret) {
  async function copy() {
    await navigator.clipboard.writeText(secret);
    app.announcer.say(t("keys.copied"));
  }
  // Browsers offer the clipboard only over HTTPS.
  const canCopy = Boolean(navigator.clipboard);
  showDialog(
    t("keys.made"),
    el("p", {}, t("keys.once")),
    el("p", {}, el("code", { class: "secret", tabindex: "0" }, secret)),
    canCopy && el("button", { type: "button", onclick: copy }, t("keys.copy")),
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {Key} key
 * @param {() => void} reload
 */
function row(app, key, reload) {
  async function revoke() {
    const text = t("keys.revokeWords", { name: key.name });
    if (!(await confirmed({ title: t("keys.revoke"), text, action: t("keys.revoke") }))) return;
    try {
      await app.api.delete(`/api/auth/api-keys/${key.id}`);
      app.announcer.say(t("keys.revoked", { name: key.name }));
      reload();
    } catch (error) {
      app.announcer.problem(error);
    }
  }
  const facts = [
    t("keys.madeAt", { when: dateTime(key.created_at) }),
    key.last_used_at ? t("keys.usedAt", { when: dateTime(key.last_used_at) }) : t("keys.unused"),
    key.expires_at ? t("keys.endsAt", { when: dateTime(key.expires_at) }) : t("keys.endless"),
  ];
  return el(
    "li",
    {},
    el("b", {}, key.name),
    el("code", {}, `${key.prefix}…`),
    el("span", { class: "facts" }, facts.join(" · ")),
    el(
      "button",
      { type: "button", class: "danger", onclick: revoke, "aria-label": `${t("keys.revoke")}: ${key.name}` },
      t("keys.revoke"),
    ),
  );
}
