/** The report of a result, shown in a sandboxed frame. */

import { el, uniqueId } from "../core/dom.js";
import { t } from "../core/language.js";
import { actionButton } from "../ui/buttons.js";

/**
 * A button that opens and closes the report, and the section that contains it.
 * @param {import("../app.js").App} app
 * @param {import("./result.js").Result} result
 * @param {AbortSignal} signal
 */
export function report(app, result, signal) {
  const address = `${result.path}/report/`;
  const sheet = el(
    "section",
    { class: "card", id: uniqueId("report"), hidden: true },
    el("h2", {}, t("review.report")),
    el("a", { href: address, target: "_blank", rel: "noopener" }, t("review.reportApart")),
  );
  const button = actionButton(
    app,
    { "aria-expanded": "false", "aria-controls": sheet.id },
    toggle,
    t("review.report"),
  );

  async function toggle() {
    if (sheet.hidden && !sheet.querySelector("iframe")) {
      // Fetch it first: an error inside the frame would appear as raw JSON.
      await app.api.get(address, { signal });
      sheet.append(el("iframe", { class: "report", src: address, sandbox: "", title: t("review.report") }));
    }
    sheet.hidden = !sheet.hidden;
    button.setAttribute("aria-expanded", String(!sheet.hidden));
    if (!sheet.hidden) sheet.scrollIntoView();
  }
  return { button, sheet };
}
