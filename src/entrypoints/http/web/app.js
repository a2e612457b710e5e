/** Starts the console: a language, a theme, who is signed in, and the page that the address asks for. */

import { Api, csrfToken, Problem } from "./core/api.js";
import { el, fill } from "./core/dom.js";
import { keepLanguage, preferredLanguage, speak, t } from "./core/language.js";
import { here, match } from "./core/router.js";
import { chosenTheme, useTheme } from "./core/theme.js";
import { ROUTES } from "./pages/routes.js";
import { signIn } from "./pages/sign-in.js";
import { News } from "./runs/follow.js";
import { shell } from "./ui/shell.js";
import { failure } from "./ui/states.js";
import { Uploads } from "./pages/upload.js";
import { Announcer } from "./ui/announcer.js";
import { closeDialogs, keepInFront } from "./ui/dialog.js";
import { refuseStrayFiles } from "./ui/drop-zone.js";

/**
 * @typedef {object} User
 * @property {number} id
 * @property {string} username
 * @property {"user" | "admin"} role
 */

/** What pages are given: the service, who is signed in, and a voice. */
export class App {
  api = new Api();
  announcer = new Announcer();
  news = new News(this.api);
  uploads = new Uploads();
  /** @type {User | null} */
  user = null;
  #body = el("div", { class: "app" });
  #leaving = new AbortController();

  constructor() {
    document.body.append(this.#body);
    keepInFront(this.announcer.node);
    this.api.addEventListener("expired", () => this.#sessionExpired());
    this.api.addEventListener("lost", () => this.announcer.connection(false));
    this.api.addEventListener("back", () => this.#connectionIsBack());
    addEventListener("offline", () => this.api.lose());
    addEventListener("hashchange", () => this.show());
  }

  get isAdmin() {
    return this.user?.role === "admin";
  }

  /** Find out who is signed in, and show what the address asks for. */
  async begin() {
    try {
      this.user = csrfToken() ? await this.api.get("/api/auth/me") : null;
    } catch (error) {
      const isStranger = error instanceof Problem && error.status === 401;
      if (!isStranger)
        return fill(
          this.#body,
          el(
            "main",
            {},
            failure(error, () => this.begin()),
          ),
        );
      this.user = null;
    }
    this.show();
  }

  /**
   * Show the page of the address.
   * @param {string} [reason] why somebody has to sign in again
   */
  show(reason = "") {
    this.#leaving.abort();
    this.#leaving = new AbortController();
    closeDialogs();
    if (!this.user) {
      document.title = `${t("signIn.title")} – Framecloak`;
      fill(this.#body, signIn(this, reason));
      return;
    }
    const found = match(ROUTES, here()) ?? match(ROUTES, { ...here(), path: "/missing" });
    if (!found) throw new Error("there is no page for missing pages");
    document.title = `${t(found.route.title)} – Framecloak`;
    const page = found.route.page(this, found.place, this.#leaving.signal);
    fill(this.#body, shell(this, found.route.section ?? "", page));
    // Who listens to the page hears its title first, and starts below the navigation.
    this.#body.querySelector("h1")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  /**
   * Somebody has signed in; goes on where the address says.
   * @param {User} user
   */
  signedIn(user) {
    this.user = user;
    this.announcer.quiet();
    this.show();
  }

  /** End the session. */
  async signOut() {
    try {
      await this.api.post("/api/auth/logout");
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) return this.announcer.problem(error);
    }
    this.user = null;
    this.uploads.clear();
    location.hash = "";
    this.show();
  }

  /**
   * Speak another language, from the page on that is shown.
   * @param {import("./core/language.js").Language} language
   */
  async changeLanguage(language) {
    keepLanguage(language);
    await speak(language);
    this.uploads.speak();
    this.show();
  }

  #sessionExpired() {
    if (!this.user) return;
    this.user = null;
    this.uploads.clear();
    this.show(t("signIn.expired"));
  }

  #connectionIsBack() {
    this.announcer.connection(true);
    this.announcer.say(t("connection.back"));
  }
}

useTheme(chosenTheme());
refuseStrayFiles();
await speak(preferredLanguage());
await new App().begin();
