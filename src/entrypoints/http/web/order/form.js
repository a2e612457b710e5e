/** Form to order the anonymised frames of a video. */

import { el, fill } from "../core/dom.js";
import { dateTime, t } from "../core/language.js";
import { go, link } from "../core/router.js";
import { saveTemplateButton } from "../many/save-template.js";
import { choices, chosen, disableBecause, field, form } from "../ui/fields.js";
import { takeKept } from "./copied-areas.js";
import { draftFromRun } from "./reorder.js";
import { choicesOf, choose } from "./choices.js";
import { orderSummary, rangeOf } from "./summary.js";
import { identityChoice } from "./identities.js";
import { keptTextChoice } from "./kept-text.js";
import { textChoice } from "./text-policy.js";
import { advancedOptions } from "./advanced.js";
import { outputChoice } from "./output.js";
import { segmentChoice } from "./segments.js";

const LEVELS = ["faces", "full", "minimal"];
const REDACTIONS = ["solid", "pixelate", "blur"];
const VERIFICATIONS = ["none", "sample", "all"];

/**
 * @typedef {object} Order data that the form is built from
 * @property {import("../videos/video.js").Video} video
 * @property {import("../mark/marks.js").Segment[]} segments
 * @property {import("../mark/video-view.js").Region[]} regions
 * @property {import("./summary.js").Options} options
 * @property {import("../pages/galleries.js").Gallery[]} galleries
 * @property {string} noGalleries message when the galleries cannot be listed; empty otherwise
 * @property {import("../runs/progress-stream.js").Run | null} like the run to reorder
 */

/**
 * @param {import("../app.js").App} app
 * @param {Order} order
 * @param {import("./drafts.js").Draft} draft
 * @param {() => void} startOver
 * @param {AbortSignal} signal
 */
export function orderForm(app, order, draft, startOver, signal) {
  const { video, segments, regions, options, galleries, noGalleries, like } = order;
  const reference = el("input", { name: "reference", maxlength: 80, autocomplete: "off" });
  const referenceField = field(t("run.reference"), reference, t("run.referenceHelp"));
  const segmentField = segmentChoice(app, video, segments);
  const level = choices(
    t("run.level"),
    "level",
    LEVELS.map((value) => ({
      ...option("level", value),
      reason: options.levels.includes(value) ? "" : t("error.level_unavailable"),
    })),
    options.levels.includes(options.anonymization_level) ? options.anonymization_level : LEVELS[0],
  );
  const identities = identityChoice(galleries, noGalleries);
  const text = textChoice();
  const keptText = keptTextChoice(app, video, signal);
  const redaction = choices(
    t("run.redaction"),
    "redaction",
    REDACTIONS.map((value) => option("redaction", value)),
    REDACTIONS[0],
  );
  const verification = choices(
    t("run.verify"),
    "verify",
    VERIFICATIONS.map((value) => option("verify", value)),
    options.verify,
  );
  const output = outputChoice(options.output_format);
  const advanced = advancedOptions();
  const summary = orderSummary(video, options);
  const prefilled = el("div", { class: "notice filled-in", hidden: true });
  const questions = [{ node: referenceField }, segmentField, { node: level }, identities, text, keptText, { node: redaction }];
  const node = form(
    { class: "order", onchange: update },
    submit,
    el(
      "div",
      { class: "questions" },
      prefilled,
      [...questions, { node: verification }, output, advanced].map((part) => part.node),
    ),
    summary.node,
  );
  // Show errors beside the submit button.
  summary.node.append(/** @type {Element} */ (node.lastElementChild), saveTemplateButton(app, order, orderBody));

  function update() {
    const chosenLevel = chosen(level, "level");
    identities.update(chosenLevel);
    text.update(chosenLevel);
    keptText.update(chosenLevel);
    output.update();
    const isMinimal = chosenLevel === "minimal";
    disableBecause(verification, isMinimal ? t("verify.minimal") : "");
    const order = {
      level: chosenLevel,
      verify: chosen(verification, "verify"),
      format: output.value().output_format,
    };
    summary.show(segmentField.frames(), order, isMinimal && !regions.length ? t("run.nothingCovered") : "");
    if (initial) saveDraft();
  }

  /** Keep unsent input across a new session, another language and other pages. */
  function saveDraft() {
    const content = currentContent();
    if (JSON.stringify(content) === JSON.stringify(initial)) return draft.discard();
    // Until the user chooses one, the language of the report follows that of the console.
    if (content.choices.report === initial?.choices.report) delete content.choices.report;
    draft.save(content);
  }

  function currentContent() {
    return { choices: choicesOf(node), kept: keptText.areas() };
  }

  /** @param {import("./drafts.js").DraftContent} content */
  function fillIn({ choices, kept }) {
    choose(node, identities.available(choices));
    keptText.setAreas(kept);
  }

  /**
   * @param {string} text
   * @param {Node} reset link or button that resets the form
   */
  function showPrefilled(text, reset) {
    fill(prefilled, el("p", {}, text), reset);
    prefilled.hidden = false;
  }

  async function orderBody() {
    const chosenLevel = chosen(level, "level");
    return {
      video_id: video.id,
      reference: reference.value.trim() || null,
      segment_ids: await segmentField.ids(),
      anonymization_level: chosenLevel,
      identities: identities.value(chosenLevel),
      text: text.value(chosenLevel),
      keep_text: keptText.value(chosenLevel),
      redaction: chosen(redaction, "redaction"),
      verify: chosenLevel === "minimal" ? "none" : chosen(verification, "verify"),
      ...output.value(),
      ...advanced.value(),
    };
  }

  async function submit() {
    const submitted = await app.api.post("/api/frames/anonymize/", await orderBody());
    draft.discard();
    app.announcer.say(t("run.started", rangeOf(submitted.estimated_time_range)));
    go("/runs");
  }

  /** Initial content of the form. @type {import("./drafts.js").DraftContent | null} */
  let initial = null;
  const { content } = draft;
  update();
  if (like) {
    fillIn(draftFromRun(like, segments));
    const reset = el("a", { href: link(`/videos/${video.id}/run`) }, t("run.startOver"));
    const { names, patterns } = like.text;
    const lost = names || patterns ? ` ${t("text.listsGone")}` : "";
    showPrefilled(t("run.filledInLike", { when: dateTime(like.created_at) }) + lost, reset);
  }
  initial = currentContent();
  const copied = takeKept(video.id);
  if (content || copied.length) {
    fillIn({ choices: content?.choices ?? {}, kept: [...(content?.kept ?? keptText.areas()), ...copied] });
    const reset = () => (draft.discard(), startOver());
    const button = el("button", { type: "button", onclick: reset }, t("run.startOver"));
    showPrefilled(copied.length ? t("kept.copied", { count: copied.length }) : t("run.filledIn"), button);
  }
  return node;
}

/**
 * @param {"level" | "redaction" | "verify"} kind
 * @param {string} value
 */
function option(kind, value) {
  return { value, label: t(`${kind}.${value}`), help: t(`${kind}.${value}Help`) };
}
