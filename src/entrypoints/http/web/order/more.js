/** What few people need: which queue an order waits in, and who else is told of its end. */

import { el } from "../core/dom.js";
import { t } from "../core/language.js";
import { field, select } from "../ui/fields.js";

const PRIORITIES = ["normal", "high"];

/** Closed, until somebody wants to see it. */
export function moreChoice() {
  const priority = select(
    PRIORITIES.map((one) => [one, t(`priority.${one}`)]),
    PRIORITIES[0],
    { name: "priority" },
  );
  const webhook = el("input", {
    type: "url",
    name: "webhook",
    pattern: "https?://.+",
    maxlength: 2000,
    placeholder: "https://",
    autocomplete: "off",
  });
  const node = el(
    "details",
    { class: "more" },
    el("summary", {}, t("run.more")),
    el(
      "div",
      { class: "row" },
      field(t("run.priority"), priority, t("run.priorityHelp")),
      field(t("run.webhook"), webhook, t("run.webhookHelp")),
    ),
  );
  // What is chosen otherwise than usual must be seen.
  for (const control of [priority, webhook])
    control.addEventListener("change", () => (node.open ||= isUnusual()));
  // A wrong address must be seen by whoever is told of it.
  webhook.addEventListener("invalid", () => (node.open = true));

  function isUnusual() {
    return priority.value !== PRIORITIES[0] || webhook.value !== "";
  }

  function wanted() {
    return { priority: priority.value, webhook_url: webhook.value.trim() || null };
  }

  return { node, wanted };
}
