/** The order for the anonymised frames of a video. */

import { el, fill } from "../core/dom.js";
import { dateTime, duration, t } from "../core/language.js";
import { go, link } from "../core/router.js";
import { choices, chosen, disableBecause, form } from "../ui/fields.js";
import { begunLike } from "./again.js";
import { choicesOf, choose } from "./choices.js";
import { finish } from "./finish.js";
import { identityChoice } from "./identities.js";
import { keptTextChoice } from "./kept-text.js";
import { moreChoice } from "./more.js";
import { outputChoice } from "./output.js";
import { segmentChoice } from "./segments.js";

const LEVELS = ["faces", "full", "minimal"];
const REDACTIONS = ["solid", "pixelate", "blur"];
const VERIFICATIONS = ["none", "sample", "all"];

/**
 * @typedef {object} Order what the form is made from
 * @property {import("../videos/video.js").Video} video
 * @property {import("../mark/marks.js").Segment[]} segments
 * @property {import("../mark/film.js").Region[]} regions
 * @property {import("./finish.js").Options} options
 * @property {import("../pages/galleries.js").Gallery[]} galleries
 * @property {string} noGalleries why they cannot be listed, in words
 * @property {import("../runs/follow.js").Run | null} like the run that it repeats
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
  const parts = segmentChoice(app, video, segments);
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
  const more = moreChoice();
  const end = finish(video, options);
  const filledIn = el("div", { class: "notice filled-in", hidden: true });
  const questions = [parts, { node: level }, identities, keptText, { node: redaction }];
  const node = form(
    { class: "order", onchange: update },
    submit,
    el(
      "div",
      { class: "questions" },
      filledIn,
      [...questions, { node: verification }, output, more].map((part) => part.node),
    ),
    end.node,
  );
  // What is wrong is said where the order was sent.
  end.node.append(/** @type {Element} */ (node.lastElementChild));

  function update() {
    const taken = chosen(level, "level");
    identities.suit(taken);
    keptText.suit(taken);
    output.suit();
    const isMinimal = taken === "minimal";
    disableBecause(verification, isMinimal ? t("verify.minimal") : "");
    const order = {
      level: taken,
      verify: chosen(verification, "verify"),
      format: output.wanted().output_format,
    };
    end.show(parts.frames(), order, isMinimal && !regions.length ? t("run.nothingCovered") : "");
    if (suggested) keep();
  }

  /** So that who signs in again, speaks another language or has looked elsewhere finds it as it was left. */
  function keep() {
    const begun = chosenNow();
    if (JSON.stringify(begun) === JSON.stringify(suggested)) return draft.drop();
    // The report follows the language of the console until somebody says otherwise.
    if (begun.choices.report === suggested?.choices.report) delete begun.choices.report;
    draft.keep(begun);
  }

  function chosenNow() {
    return { choices: choicesOf(node), kept: keptText.areas() };
  }

  /** @param {import("./drafts.js").Begun} begun */
  function fillIn({ choices, kept }) {
    choose(node, identities.fitting(choices));
    keptText.draw(kept);
  }

  /**
   * @param {string} words
   * @param {Node} more
   */
  function sayFilledIn(words, more) {
    fill(filledIn, el("p", {}, words), more);
    filledIn.hidden = false;
  }

  async function submit() {
    const taken = chosen(level, "level");
    const submitted = await app.api.post("/api/frames/anonymize/", {
      video_id: video.id,
      segment_ids: await parts.ids(),
      anonymization_level: taken,
      identities: identities.wanted(taken),
      keep_text: keptText.wanted(taken),
      redaction: chosen(redaction, "redaction"),
      verify: taken === "minimal" ? "none" : chosen(verification, "verify"),
      ...output.wanted(),
      ...more.wanted(),
    });
    draft.drop();
    app.announcer.say(t("run.started", { time: duration(submitted.estimated_processing_time) }));
    go("/runs");
  }

  /** What the form begins with. @type {import("./drafts.js").Begun | null} */
  let suggested = null;
  const { begun } = draft;
  update();
  if (like) {
    fillIn(begunLike(like, segments));
    const usual = el("a", { href: link(`/videos/${video.id}/run`) }, t("run.startOver"));
    sayFilledIn(t("run.filledInLike", { when: dateTime(like.created_at) }), usual);
  }
  suggested = chosenNow();
  if (begun) {
    fillIn(begun);
    const again = () => (draft.drop(), startOver());
    const button = el("button", { type: "button", onclick: again }, t("run.startOver"));
    sayFilledIn(t("run.filledIn"), button);
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
