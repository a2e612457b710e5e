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
/** Statuses by which the service refuses a picture, whatever else was sent. */
const OF_THE_PICTURE = new Set([413, 422]);

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
      const analysed = await Promise.all(asked.map((file) => analysedFile(app, file, signal)));
      if (asked !== files) return;
      ({ model, likeness } = analysed.find(({ error }) => !error) ?? { model: "", likeness: null });
      show(analysed);
    } catch (error) {
      if (!isAborted(error) && asked === files) fill(results, failure(error, analyse));
    }
  }

  /** @param {Analysed[]} analysed one for each file */
  function show(analysed) {
    chosen = analysed.map(({ faces: found }) => found[0]);
    const boxes = analysed.map(({ faces: found, error }, index) => {
      const look = (/** @type {any} */ face) => {
        chosen[index] = face;
        compare();
      };
      const content = error
        ? el("p", { class: "state problem" }, error.words)
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
 * @typedef {object} Analysed a picture
 * @property {import("../faces/analysis.js").Face[]} faces the largest first
 * @property {Problem | null} error what is wrong with the picture
 * @property {string} model
 * @property {import("../faces/likeness.js").Likeness | null} likeness
 */

/**
 * Find the faces of one picture. Pictures are sent one by one, so that none spoils what is found in another.
 * @param {import("../app.js").App} app
 * @param {File} file
 * @param {AbortSignal} signal
 * @returns {Promise<Analysed>}
 */
async function analysedFile(app, file, signal) {
  const body = { images: [await base64(file)], embedding_format: "base64" };
  try {
    const answer = await app.api.post("/analyze/batch", body, { signal, patience: LONG_PATIENCE });
    const [{ faces: found, error }] = answer.results;
    return { ...answer, faces: found, error: error && new Problem(error) };
  } catch (error) {
    const isOfPicture = error instanceof Problem && OF_THE_PICTURE.has(error.status);
    if (!isOfPicture) throw error;
    return { faces: [], error, model: "", likeness: null };
  }
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
