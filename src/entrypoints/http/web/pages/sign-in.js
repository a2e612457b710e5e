/** Sign-in page. */

import { Problem } from "../core/api.js";
import { el } from "../core/dom.js";
import { hasText, t } from "../core/language.js";
import { currentPlace, go, numberOf, remember } from "../core/router.js";
import { field, form } from "../ui/fields.js";
import { brandMark, preferences } from "../ui/shell.js";

/** Path of this page in the addresses to which the service sends browsers after a failed sign-in. */
const PATH = "/sign-in";
/** Key of the page to show after a sign-in at the identity provider. */
const RETURN_KEY = "framecloak.return";

/** Show the page that was open before the sign-in at the identity provider. */
export function returnToPage() {
  const page = sessionStorage.getItem(RETURN_KEY);
  sessionStorage.removeItem(RETURN_KEY);
  if (page?.startsWith("#/")) history.replaceState(null, "", page);
  else if (currentPlace().path === PATH) remember("/videos", {});
}

/** Return why a sign-in at the identity provider failed; only texts of the console are shown. */
function failedSignOn() {
  const { path, query } = currentPlace();
  const code = query.get("problem") ?? "";
  if (path !== PATH || !hasText(`error.${code}`)) return "";
  return new Problem({ code }, 0, numberOf(query, "wait")).userMessage;
}

/**
 * Button that leads to the identity provider, in an element that is empty without one.
 * @param {import("../app.js").App} app
 */
function identityProvider(app) {
  const node = el("div", { class: "provider" });
  const keepPage = () => {
    if (currentPlace().path !== PATH) sessionStorage.setItem(RETURN_KEY, location.hash);
  };
  app.api
    .get("/api/auth/oidc")
    .then((/** @type {{enabled: boolean, name: string | null}} */ { enabled, name }) => {
      if (!enabled) return;
      node.append(
        el(
          "a",
          { class: "button primary", href: "/api/auth/oidc/login", onclick: keepPage },
          t("signIn.with", { name: name ?? "" }),
        ),
        el("p", { class: "help" }, t("signIn.or")),
      );
    })
    // Without an answer, the form below reports the error.
    .catch(() => {});
  return node;
}

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
    if (currentPlace().path === PATH) go("/videos");
    app.signedIn(session.user);
  }
  const notice = reason || failedSignOn();
  return el(
    "main",
    { class: "sign-in" },
    el("div", { class: "brand" }, brandMark(), el("span", {}, "Framecloak")),
    el("h1", { tabindex: "-1" }, t("signIn.title")),
    el("p", { class: "lead" }, t("signIn.lead")),
    notice && el("p", { class: "notice", role: "alert" }, notice),
    identityProvider(app),
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
