/** Health of the installation. */

import { el } from "../core/dom.js";
import { duration, number, size, t } from "../core/language.js";
import { loaded } from "../ui/placeholders.js";

/** Milliseconds between refreshes. */
const POLL_INTERVAL = 10000;

/**
 * @param {import("../app.js").App} app
 * @param {AbortSignal} signal
 */
export function healthCard(app, signal) {
  // An unhealthy installation answers with status 503 and the same body.
  const load = () => app.api.get("/api/frames/anonymize/health/", { signal, acceptedStatus: 503 });
  const card = loaded(app.api, signal, load, (health) => {
    const unknown = t("unknown");
    /** @type {[string, string][]} */
    const facts = [
      [t("health.workers"), number(health.workers ?? 0)],
      [t("health.pending"), health.pending_requests == null ? unknown : number(health.pending_requests)],
      [
        t("health.average"),
        health.average_processing_time == null ? unknown : duration(health.average_processing_time),
      ],
      [t("health.storage"), health.storage_bytes == null ? unknown : size(health.storage_bytes)],
    ];
    const checks = Object.entries(health.checks ?? {}).map(([name, state]) =>
      el("li", { "data-state": state }, t(`health.check.${name}`), el("b", {}, t(`health.state.${state}`))),
    );
    return [
      el("p", {}, el("span", { class: "badge", "data-status": health.status }, t(`health.${health.status}`))),
      el("p", { class: "help" }, t(`health.${health.status}Help`)),
      el(
        "dl",
        { class: "pairs" },
        facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
      ),
      el("ul", { class: "checks" }, checks),
    ];
  });
  const timer = setInterval(() => document.hidden || card.reload(), POLL_INTERVAL);
  signal.addEventListener("abort", () => clearInterval(timer));
  return el("section", { class: "card" }, el("h2", {}, t("health.title")), card.node);
}
