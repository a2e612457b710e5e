/** Statistics of the installation. */

import { el, svg } from "../core/dom.js";
import { duration, number, percent, t } from "../core/language.js";
import { bar } from "../ui/bar.js";
import { loaded } from "../ui/placeholders.js";

const STATUSES = ["pending", "processing", "completed", "failed", "cancelled"];
/** Number of runs in the chart of rates. */
const PLOTTED = 40;
const PLOT = { width: 320, height: 90 };

/**
 * @param {import("../app.js").App} app
 * @param {AbortSignal} signal
 */
export function statisticsCard(app, signal) {
  async function load() {
    const query = { status: "completed", limit: PLOTTED };
    const [statistics, { items }] = await Promise.all([
      app.api.get("/api/frames/anonymize/statistics/", { signal }),
      app.api.get("/api/frames/anonymize/requests/", { query, signal }),
    ]);
    return { statistics, rates: items.map(rateOf).reverse() };
  }
  const card = loaded(app.api, signal, load, ({ statistics, rates }) => {
    const unknown = t("unknown");
    const { frames_per_second: rate, average_processing_time: average, error_rate: failed } = statistics;
    /** @type {[string, string][]} */
    const facts = [
      [t("statistics.frames"), number(statistics.frames_processed)],
      [t("statistics.waiting"), number(statistics.frames_waiting)],
      [t("statistics.rate"), rate == null ? unknown : t("perSecond", { rate: number(rate) })],
      [t("statistics.average"), average == null ? unknown : duration(average)],
      [t("statistics.failed"), failed == null ? unknown : percent(failed)],
    ];
    return [
      el(
        "dl",
        { class: "pairs" },
        facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
      ),
      el("h3", {}, t("statistics.byStatus")),
      statusBars(statistics.requests),
      el("h3", {}, t("statistics.rates")),
      rates.length > 1 ? columns(rates) : el("p", { class: "help" }, t("statistics.noRates")),
    ];
  });
  return el("section", { class: "card" }, el("h2", {}, t("statistics.title")), card.node);
}

/** @param {Record<string, number>} counts */
function statusBars(counts) {
  const max = Math.max(1, ...Object.values(counts));
  return el(
    "ul",
    { class: "bars" },
    STATUSES.map((status) => {
      const count = counts[status] ?? 0;
      return el(
        "li",
        {},
        el("span", {}, t(`status.${status}`)),
        bar(count / max),
        el("b", {}, number(count)),
      );
    }),
  );
}

/**
 * Column chart of rates in frames per second, oldest first.
 * @param {number[]} rates
 */
function columns(rates) {
  const max = Math.max(...rates);
  const step = PLOT.width / rates.length;
  const bars = rates.map((rate, index) => {
    const height = Math.max(1, (PLOT.height * rate) / max);
    const shape = {
      x: index * step + 1,
      y: PLOT.height - height,
      width: Math.max(1, step - 2),
      height,
      rx: 2,
    };
    return svg("rect", shape, svg("title", {}, t("perSecond", { rate: number(rate) })));
  });
  const text = t("statistics.ratesAlt", {
    count: rates.length,
    least: number(Math.min(...rates)),
    most: number(max),
  });
  return el(
    "figure",
    { class: "plot" },
    svg(
      "svg",
      {
        viewBox: `0 0 ${PLOT.width} ${PLOT.height}`,
        role: "img",
        "aria-label": text,
        preserveAspectRatio: "none",
      },
      ...bars,
    ),
    el("figcaption", { class: "help" }, text),
  );
}

/** @param {import("../runs/progress-stream.js").Run} run */
function rateOf(run) {
  const seconds = (Date.parse(run.completed_at ?? "") - Date.parse(run.started_at ?? "")) / 1000;
  return run.total_frames / Math.max(seconds, 0.001);
}
