/** Sign-in page. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { field, form } from "../ui/fields.js";
import { brandMark, preferences } from "../ui/shell.js";

/**
 * @param {import("../app.js").App} app
 * @param {string} reason why the user has to sign in again; empty otherwise
 */
export function signIn(app, reason) {
  const username = el("input", {
    name: "username",
    autocomplete: "username",
    required: true,
    autocapitalize: "none",
  });
  const password = el("input", {
    name: "password",
    type: "password",
    autocomplete: "current-password",
    required: true,
  });
  async function submit() {
    const credentials = { username: username.value, password: password.value };
    const session = await app.api.post("/api/auth/login", credentials);
    app.signedIn(session.user);
  }
  return el(
    "main",
    { class: "sign-in" },
    el("div", { class: "brand" }, brandMark(), el("span", {}, "Framecloak")),
    el("h1", { tabindex: "-1" }, t("signIn.title")),
    el("p", { class: "lead" }, t("signIn.lead")),
    reason && el("p", { class: "notice", role: "alert" }, reason),
    form(
      { class: "card stack" },
      submit,
      field(t("signIn.username"), username),
      field(t("signIn.password"), password),
      el("button", { type: "submit", class: "primary" }, t("signIn.action")),
    ),
    el("p", { class: "help" }, t("signIn.help")),
    preferences(app),
  );
}
