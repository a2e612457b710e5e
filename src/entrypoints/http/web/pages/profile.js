/** The own account: display name and password. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { field, form } from "../ui/fields.js";
import { brandMark, preferences } from "../ui/shell.js";

/**
 * Form to change the display name.
 * @param {import("../app.js").App} app
 */
export function profileForm(app) {
  const name = el("input", { value: app.user?.display_name ?? "", maxlength: 100, autocomplete: "name" });
  const node = form(
    { class: "card row" },
    async () => {
      app.user = await app.api.patch("/api/auth/me", { display_name: name.value.trim() || null });
      app.announcer.say(t("profile.saved"));
    },
    field(t("profile.name"), name, t("profile.nameHelp")),
    el("button", { type: "submit" }, t("describe.save")),
  );
  return el("section", {}, el("h2", {}, t("profile.title")), node);
}

/**
 * Form to change the own password.
 * @param {import("../app.js").App} app
 * @param {(user: import("../app.js").User) => void} done
 */
export function passwordForm(app, done) {
  const input = (/** @type {string} */ autocomplete) =>
    el("input", { type: "password", required: true, maxlength: 1000, autocomplete });
  const [old, fresh, again] = [input("current-password"), input("new-password"), input("new-password")];
  const node = form(
    { class: "card row" },
    async () => {
      again.setCustomValidity(again.value === fresh.value ? "" : t("password.differs"));
      if (!again.reportValidity()) return;
      const body = { old_password: old.value, new_password: fresh.value };
      const session = await app.api.post("/api/auth/password", body);
      node.reset();
      app.announcer.say(t("password.changed"));
      done(session.user);
    },
    field(t("password.old"), old),
    field(t("password.new"), fresh, t("password.help")),
    field(t("password.again"), again),
    el("button", { type: "submit" }, t("password.change")),
  );
  again.addEventListener("input", () => again.setCustomValidity(""));
  return node;
}

/**
 * Page shown in place of all others while the password is one that an administrator set.
 * @param {import("../app.js").App} app
 */
export function forcedChange(app) {
  return el(
    "main",
    { class: "sign-in" },
    el("div", { class: "brand" }, brandMark(), el("span", {}, "Framecloak")),
    el("h1", { tabindex: "-1" }, t("password.forced")),
    el("p", { class: "lead" }, t("password.forcedLead")),
    passwordForm(app, (user) => app.signedIn(user)),
    el("button", { type: "button", onclick: () => app.signOut() }, t("account.signOut")),
    preferences(app),
  );
}
