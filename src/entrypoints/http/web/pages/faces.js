/** What faces are in one or two pictures, and how alike they are. */

import { LONG_PATIENCE, Problem, isAborted } from "../core/api.js";
import { el, fill } from "../core/dom.js";
import { number, t } from "../core/language.js";
import { base64 } from "../core/pictures.js";
import { analysedPicture } from "../faces/analysis.js";
import { judged, share } from "../faces/likeness.js";
import { bar } from "../ui/bar.js";
import { dropZone } from "../ui/drop-zone.js";
import { failure, loading } from "../ui/states.js";

const MOST = 2;

/**
 * @param {import("../app.js").App} app
 * @param {import("../core/router.js").Place} _place
 * @param {AbortSignal} signal
 */
export function faces(app, _place, signal) {
  /** @type {File[]} */
  let files = [];
  /** Of each picture, the face that is looked at. @type {(import("../faces/analysis.js").Face | undefined)[]} */
  let chosen = [];
  let model = "";
  /** @type {import("../faces/likeness.js").Likeness | null} */
  let likeness = null;
  const results = el("div", { class: "loaded" });
  const similarity = el("div", { class: "similarity", "aria-live": "polite" });

  /** @param {File[]} dropped */
  function take(dropped) {
    // A third picture begins anew.
    files = [...(files.length < MOST ? files : []), ...dropped].slice(-MOST);
    analyse();
  }

  async function analyse() {
    const asked = files;
    fill(similarity);
    fill(results, loading());
    try {
      const images = await Promise.all(asked.map(base64));
      const body = { images, embedding_format: "base64" };
      const answer = await app.api.post("/analyze/batch", body, { signal, patience: LONG_PATIENCE });
      if (asked !== files) return;
      ({ model, likeness } = answer);
      show(answer.results);
    } catch (error) {
      if (!isAborted(error) && asked === files) fill(results, failure(error, analyse));
    }
  }

  /** @param {any[]} analysed one for each file */
  function show(analysed) {
    chosen = analysed.map(({ faces: found }) => found[0]);
    const boxes = analysed.map(({ faces: found, error }, index) => {
      const look = (/** @type {any} */ face) => {
        chosen[index] = face;
        compare();
      };
      const content = error
        ? el("p", { class: "state problem" }, new Problem(error).words)
        : analysedPicture(files[index], found, look, signal);
      return el("section", { class: "card" }, el("h2", {}, files[index].name), content);
    });
    const again = el("button", { type: "button", onclick: clear }, t("faces.again"));
    fill(results, el("div", { class: "pair" }, boxes), again);
    compare();
  }

  async function compare() {
    const [one, other] = chosen;
    if (!one || !other)
      return fill(similarity, files.length === 1 && el("p", { class: "help" }, t("faces.second")));
    try {
      const body = { face1_embedding: one.embedding, face2_embedding: other.embedding };
      const { similarity: cosine } = await app.api.post("/compare", body, { signal });
      if (chosen[0] === one && chosen[1] === other) fill(similarity, verdict(cosine, model, likeness));
    } catch (error) {
      app.announcer.problem(error);
    }
  }

  function clear() {
    [files, chosen] = [[], []];
    fill(results);
    fill(similarity);
  }

  const zone = { label: t("faces.drop"), help: t("faces.dropHelp"), accept: "image/*", multiple: true };
  return el(
    "div",
    {},
    el("h1", { tabindex: "-1" }, t("faces.title")),
    el("p", { class: "lead" }, t("faces.lead")),
    dropZone(zone, take),
    similarity,
    results,
  );
}

/**
 * @param {number} cosine
 * @param {string} model
 * @param {import("../faces/likeness.js").Likeness | null} likeness
 */
function verdict(cosine, model, likeness) {
  return el(
    "div",
    { class: "card verdict" },
    el("h2", {}, t("faces.similarity")),
    el("p", { class: "figure" }, number(cosine, 2)),
    bar(share(cosine, likeness)),
    el("p", {}, likeness ? t(`faces.${judged(cosine, likeness)}`) : t("faces.unjudged", { model })),
    el("p", { class: "help" }, t("faces.caution")),
  );
}
