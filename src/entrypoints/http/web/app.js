/** Start the console: language, theme, session, and the page for the current address. */

import { Api, csrfToken, Problem } from "./core/api.js";
import { el, fill } from "./core/dom.js";
import { language, loadLanguage, preferredLanguage, storeLanguage, t } from "./core/language.js";
import { currentPlace, match } from "./core/router.js";
import { chosenTheme, useTheme } from "./core/theme.js";
import { ROUTES } from "./pages/routes.js";
import { forcedChange } from "./pages/profile.js";
import { returnToPage, signIn } from "./pages/sign-in.js";
import { ProgressFeed } from "./runs/progress-stream.js";
import { shell } from "./ui/shell.js";
import { failure } from "./ui/placeholders.js";
import { Uploads } from "./pages/upload.js";
import { Selection } from "./videos/selection.js";
import { Announcer } from "./ui/announcer.js";
import { closeDialogs, keepOnTop } from "./ui/dialog.js";
import { preventStrayDrops } from "./ui/drop-zone.js";
import { helpOnKeys } from "./ui/shortcuts.js";

/**
 * @typedef {object} User
 * @property {number} id
 * @property {string} username
 * @property {"user" | "admin"} role
 * @property {boolean} one_time_sign_in whether an administrator set the password
 * @property {string | null} display_name
 * @property {import("./core/language.js").Language | null} language
 * @property {boolean} local_sign_in false if the account signs in at the identity provider
 */

/** State shared by all pages: API client, signed-in user, announcer, progress feed, uploads and selection. */
export class App {
  api = new Api();
  announcer = new Announcer();
  progress = new ProgressFeed(this.api);
  uploads = new Uploads();
  selection = new Selection();
  /** @type {User | null} */
  user = null;
  #root = el("div", { class: "app" });
  #pageAbort = new AbortController();

  constructor() {
    document.body.append(this.#root);
    keepOnTop(this.announcer.node);
    this.api.addEventListener("expired", () => this.#sessionExpired());
    this.api.addEventListener("lost", () => this.announcer.connection(false));
    this.api.addEventListener("back", () => this.#connectionIsBack());
    addEventListener("offline", () => this.api.markLost());
    addEventListener("hashchange", () => this.show());
  }

  get isAdmin() {
    return this.user?.role === "admin";
  }

  /** Load the signed-in user and show the page for the current address. */
  async begin() {
    try {
      this.user = csrfToken() ? await this.api.get("/api/auth/me") : null;
    } catch (error) {
      const isSignedOut = error instanceof Problem && error.status === 401;
      if (!isSignedOut)
        return fill(
          this.#root,
          el(
            "main",
            {},
            failure(error, () => this.begin()),
          ),
        );
      this.user = null;
    }
    if (this.user) returnToPage();
    await this.#useLanguage();
    this.show();
  }

  /** Use the language of the account. */
  async #useLanguage() {
    const chosen = this.user?.language;
    if (!chosen || chosen === language()) return;
    storeLanguage(chosen);
    await loadLanguage(chosen);
  }

  /**
   * Show the page for the current address.
   * @param {string} [reason] why the user has to sign in again
   */
  show(reason = "") {
    this.#pageAbort.abort();
    this.#pageAbort = new AbortController();
    closeDialogs();
    if (!this.user) {
      document.title = `${t("signIn.title")} – Framecloak`;
      fill(this.#root, signIn(this, reason));
      return;
    }
    if (this.user.one_time_sign_in) {
      document.title = `${t("password.forced")} – Framecloak`;
      fill(this.#root, forcedChange(this));
      return;
    }
    const matched = match(ROUTES, currentPlace()) ?? match(ROUTES, { ...currentPlace(), path: "/missing" });
    if (!matched) throw new Error("no route for missing pages");
    document.title = `${t(matched.route.title)} – Framecloak`;
    const page = matched.route.page(this, matched.place, this.#pageAbort.signal);
    fill(this.#root, shell(this, matched.route.section ?? "", page));
    // Screen readers announce the title first and continue below the navigation.
    this.#root.querySelector("h1")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  /**
   * Set the signed-in user and show the page for the current address.
   * @param {User} user
   */
  async signedIn(user) {
    this.user = user;
    this.announcer.clear();
    await this.#useLanguage();
    this.show();
  }

  /** End the session, here and at the identity provider, and show the sign-in page. */
  async signOut() {
    /** @type {string | null} */
    let address = null;
    try {
      ({ address } = await this.api.post("/api/auth/oidc/logout"));
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) return this.announcer.problem(error);
    }
    this.user = null;
    this.uploads.clear();
    this.selection.clear();
    location.hash = "";
    this.show();
    if (address) location.assign(address);
  }

  /**
   * Switch the language and show the current page in it.
   * @param {import("./core/language.js").Language} language
   */
  async changeLanguage(language) {
    storeLanguage(language);
    await loadLanguage(language);
    if (this.user && !this.user.one_time_sign_in) {
      this.user.language = language;
      this.api.patch("/api/auth/me", { language }).catch((error) => this.announcer.problem(error));
    }
    this.uploads.retranslate();
    this.show();
  }

  #sessionExpired() {
    if (!this.user) return;
    this.user = null;
    this.uploads.clear();
    this.selection.clear();
    this.show(t("signIn.expired"));
  }

  #connectionIsBack() {
    this.announcer.connection(true);
    this.announcer.say(t("connection.back"));
  }
}

useTheme(chosenTheme());
preventStrayDrops();
helpOnKeys();
await loadLanguage(preferredLanguage());
await new App().begin();
