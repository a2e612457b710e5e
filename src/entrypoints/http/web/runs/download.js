/** Download of results. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { actionButton } from "../ui/buttons.js";
import { icon } from "../ui/icons.js";

/**
 * A button that downloads a result.
 * @param {import("../app.js").App} app
 * @param {string} id of the run
 */
export function downloadButton(app, id) {
  async function download() {
    // Fetch the signed link first, so that errors are shown here and not by the browser.
    const query = { redirect: "false" };
    const { url } = await app.api.get(`/api/frames/anonymize/download/${id}/`, { query });
    el("a", { href: url, download: "" }).click();
    app.announcer.say(t("runs.downloading"));
  }
  return actionButton(app, {}, download, icon("download"), t("runs.download"));
}
