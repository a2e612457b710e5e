/** The order for the anonymised frames of a video. */

import { el } from "../core/dom.js";
import { duration, t } from "../core/language.js";
import { go } from "../core/router.js";
import { choices, chosen, disableBecause, form } from "../ui/fields.js";
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
 */

/**
 * @param {import("../app.js").App} app
 * @param {Order} order
 * @param {AbortSignal} signal
 */
export function orderForm(app, { video, segments, regions, options, galleries, noGalleries }, signal) {
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
  const questions = [parts, { node: level }, identities, keptText, { node: redaction }];
  const node = form(
    { class: "order", onchange: update },
    submit,
    el(
      "div",
      { class: "questions" },
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
    end.show(parts.frames(), isMinimal && !regions.length ? t("run.nothingCovered") : "");
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
    app.announcer.say(t("run.started", { time: duration(submitted.estimated_processing_time) }));
    go("/runs");
  }

  update();
  return node;
}

/**
 * @param {"level" | "redaction" | "verify"} kind
 * @param {string} value
 */
function option(kind, value) {
  return { value, label: t(`${kind}.${value}`), help: t(`${kind}.${value}Help`) };
}
