/** Page to order all selected videos at once. */

import { isAborted, LONG_TIMEOUT, messageOf } from "../core/api.js";
import { Debounced } from "../core/debounce.js";
import { el, fill } from "../core/dom.js";
import { reportLanguage, t } from "../core/language.js";
import { LatestOnly } from "../core/latest-only.js";
import { go, link } from "../core/router.js";
import { rangeOf } from "../order/summary.js";
import { reasonOf } from "../runs/failure.js";
import { field, form, select } from "../ui/fields.js";
import { empty, loaded } from "../ui/placeholders.js";
import { nameOf } from "../videos/video.js";
import { optionChoices } from "./options.js";

const BATCHES = "/api/batches";
const LAST = "last";

/**
 * @typedef {object} Template a template as returned by the API
 * @property {string} id
 * @property {string} name
 * @property {string} owner
 * @property {boolean} is_own
 * @property {boolean} is_default
 * @property {string[]} shared_with
 * @property {{options: Record<string, any>, segments: any[], regions: any[], keep_text: any[]}} content
 */

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} _place
 * @param {AbortSignal} signal
 */
export function orderMany(app, _place, signal) {
  const get = (/** @type {string} */ path) => app.api.get(path, { signal });
  const load = async () => {
    const [templates, last, defaults] = await Promise.all([
      get("/api/templates/"),
      get("/api/templates/last"),
      get("/api/frames/anonymize/options"),
    ]);
    return { templates, last: last.options, defaults };
  };
  const videos = app.selection.videos;
  const back = el("a", { class: "up", href: link("/videos") }, t("many.back"));
  return el(
    "div",
    {},
    back,
    el("h1", { tabindex: "-1" }, t("many.title")),
    videos.length
      ? loaded(app.api, signal, load, (data) => orderForm(app, videos, data, signal)).node
      : empty(t("many.nothing"), el("a", { class: "button primary", href: link("/videos") }, t("many.back"))),
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../videos/video.js").Video[]} videos
 * @param {{templates: Template[], last: Record<string, any> | null, defaults: Record<string, any>}} data
 * @param {AbortSignal} signal
 */
function orderForm(app, videos, { templates, last, defaults }, signal) {
  const preset = templates.find((each) => each.is_default)?.id ?? "";
  const template = select(
    [
      ["", t("many.noTemplate")],
      ...(last ? [/** @type {[string, string]} */ ([LAST, t("many.last")])] : []),
      ...templates.map((each) => /** @type {[string, string]} */ ([each.id, each.name])),
    ],
    preset,
    { onchange: chooseTemplate },
  );
  const reference = el("input", { maxlength: 80, autocomplete: "off", onchange: refresh });
  const choices = optionChoices(refresh);
  const content = el("p", { class: "help" });
  const estimate = el("div", { class: "stack", "aria-live": "polite" });
  const start = el("button", { type: "submit", class: "primary wide" }, t("many.action", { count: videos.length }));

  function body() {
    const chosen = templates.find((each) => each.id === template.value);
    return {
      videos: videos.map((video) => ({ video_id: video.id })),
      template_id: chosen?.id ?? null,
      options: choices.value(),
      reference: reference.value.trim() || null,
    };
  }

  function chooseTemplate() {
    const chosen = templates.find((each) => each.id === template.value);
    const options = template.value === LAST ? last : chosen?.content.options;
    const { anonymization_level, output_format, verify } = defaults;
    const preset = { anonymization_level, output_format, verify, language: reportLanguage(), audio: "drop" };
    const given = Object.entries(options ?? {}).filter(([, value]) => value !== null);
    choices.show({ ...preset, ...Object.fromEntries(given) });
    const { segments = [], regions = [], keep_text: kept = [] } = chosen?.content ?? {};
    content.textContent = chosen
      ? t("many.content", {
          segments: segments.length ? t("many.segments", { count: segments.length }) : t("many.marked"),
          regions: t("many.regions", { count: regions.length }),
          kept: t("many.kept", { count: kept.length }),
        })
      : t("many.marked");
    refresh();
  }

  const typed = new Debounced();
  const newest = new LatestOnly(showEstimate);
  function refresh() {
    typed.schedule(body(), (order) => newest.request(order));
  }

  /** @param {unknown} order */
  async function showEstimate(order) {
    try {
      const options = { signal, timeout: LONG_TIMEOUT };
      const answer = await app.api.post(`${BATCHES}/estimate`, order, options);
      fill(estimate, estimateText(answer));
      start.disabled = !answer.accepted;
    } catch (error) {
      if (!isAborted(error)) fill(estimate, el("p", { class: "notice" }, messageOf(error)));
    }
  }

  /** @param {any} answer */
  function estimateText({ frames, estimated_time_range: range, rejected }) {
    const names = new Map(videos.map((video) => [video.id, nameOf(video)]));
    const reasons = rejected.map((/** @type {any} */ each) =>
      el("li", {}, el("b", {}, names.get(each.video_id) ?? ""), `: ${reasonOf(each)}`),
    );
    return [
      el("p", { class: "estimate" }, t("frames", { count: frames })),
      el("p", { class: "facts" }, t("run.estimateQueued", rangeOf(range))),
      reasons.length > 0 &&
        el("div", { class: "notice" }, t("many.rejected", { count: reasons.length }), el("ul", {}, reasons)),
    ];
  }

  async function submit() {
    const batch = await app.api.post(`${BATCHES}/`, body(), { timeout: LONG_TIMEOUT });
    app.selection.clear();
    go(`/batches/${batch.batch_id}`);
  }

  const list = el(
    "details",
    { class: "more" },
    el("summary", {}, t("many.videos", { count: videos.length })),
    el("ul", { class: "names" }, videos.map((video) => el("li", {}, nameOf(video)))),
  );
  const manage = el("a", { href: link("/templates") }, t("templates.title"));
  const node = form(
    { class: "order" },
    submit,
    el(
      "div",
      { class: "questions" },
      list,
      el("div", { class: "stack" }, field(t("many.template"), template), content, el("p", {}, manage)),
      field(t("run.reference"), reference, t("run.referenceHelp")),
      el("fieldset", {}, el("legend", {}, t("many.options")), choices.node),
    ),
    el("aside", { class: "card finish", "aria-label": t("run.summary") }, estimate, start),
  );
  // Show errors beside the submit button.
  start.after(/** @type {Element} */ (node.lastElementChild));
  chooseTemplate();
  return node;
}
