/** Download of results, and the rule that they have to be released before. */

import { el, uniqueId } from "../core/dom.js";
import { t } from "../core/language.js";
import { actionButton } from "../ui/buttons.js";
import { icon } from "../ui/icons.js";

/** The rule belongs to the installation, so it is asked for once. @type {WeakMap<object, Promise<boolean>>} */
const rules = new WeakMap();

/**
 * Return whether results of this installation have to be released before they are downloaded.
 * @param {import("../app.js").App} app
 * @returns {Promise<boolean>}
 */
export function needsRelease(app) {
  const known = rules.get(app);
  if (known) return known;
  const asked = app.api
    .get("/api/frames/anonymize/options")
    .then((/** @type {{release: string}} */ options) => options.release !== "optional");
  rules.set(app, asked);
  // A failed attempt is repeated by the next page.
  asked.catch(() => rules.delete(app));
  return asked;
}

/**
 * A button that downloads a result; disabled, with the reason, while it has to be released first.
 * @param {import("../app.js").App} app
 * @param {string} id of the run
 * @param {boolean} isHeldBack whether it has to be released first
 */
export function downloadButton(app, id, isHeldBack) {
  async function download() {
    // Fetch the signed link first, so that errors are shown here and not by the browser.
    const query = { redirect: "false" };
    const { url } = await app.api.get(`/api/frames/anonymize/download/${id}/`, { query });
    el("a", { href: url, download: "" }).click();
    app.announcer.say(t("runs.downloading"));
  }
  const content = [icon("download"), t("runs.download")];
  return isHeldBack ? heldBack(...content) : actionButton(app, {}, download, ...content);
}

/**
 * A disabled button with the reason that a release is required.
 * @param {...import("../core/dom.js").Child} content
 */
export function heldBack(...content) {
  const reason = uniqueId("reason");
  return el(
    "span",
    { class: "held-back" },
    el("button", { type: "button", disabled: true, "aria-describedby": reason }, ...content),
    el("span", { class: "reason", id: reason }, t("runs.releaseFirst")),
  );
}
