/** Proposed regions on the image and in a list. */

import { messageOf } from "../core/api.js";
import { place } from "../core/areas.js";
import { el, fill, refill } from "../core/dom.js";
import { t } from "../core/language.js";
import { actionButton } from "../ui/buttons.js";

/**
 * Minimum shares of an area's lines that stand still, for the words that describe it. Compression lets a third of
 * the edges of sharp letters flicker.
 */
const [STILL, MOSTLY_STILL] = [0.6, 0.3];

/**
 * Numbered dashed boxes; hidden from screen readers, which read the list.
 * @param {import("./marks.js").Marks} marks
 * @param {import("./proposals.js").Proposals} proposals
 */
export function proposalLayer(marks, proposals) {
  const layer = el("div", { class: "proposals", "aria-hidden": "true" });
  function show() {
    const boxes = proposals.items.map((proposal, index) => {
      const kind = proposal === proposals.selected ? "proposal selected" : "proposal";
      const box = el("div", { class: kind }, el("span", { class: "tag" }, index + 1));
      place(box, proposal.region, marks.video);
      return box;
    });
    fill(layer, boxes);
  }
  proposals.addEventListener("proposals", show);
  show();
  return layer;
}

/**
 * Return how much of an area stands still, in words: a percentage would be taken for certainty, and text over a
 * moving image is certain although little of its area stands still.
 * @param {number} stillness 0 to 1
 */
function amountOf(stillness) {
  if (stillness >= MOSTLY_STILL) return stillness >= STILL ? "all" : "most";
  return "little";
}

/**
 * @param {import("../app.js").App} app
 * @param {import("./proposals.js").Proposals} proposals
 */
export function proposalList(app, proposals) {
  const search = el("button", { type: "button", onclick: () => proposals.search() }, t("proposal.ask"));
  const status = el("div", { class: "search-status", role: "status" });
  const bar = el("progress", { hidden: true, "aria-label": t("proposal.progress") });
  const frames = el("p", { class: "facts", hidden: true });
  const list = el("ul", {});
  const all = el("div", { class: "actions" });

  function show() {
    const { state, items } = proposals;
    search.disabled = state === "waiting";
    // The status is announced, so it changes only with the state, and not with every frame.
    const current = `${state} ${items.length}`;
    if (status.dataset.state !== current) fill(status, statusText());
    status.dataset.state = current;
    showProgress();
    refill(list, items.map(item));
    fill(all, items.length > 1 && allButtons());
  }

  function showProgress() {
    const { state, progress } = proposals;
    bar.hidden = state !== "waiting";
    frames.hidden = state !== "waiting" || !progress.total;
    bar.max = progress.total || 1;
    bar.value = progress.done;
    frames.textContent = t("proposal.frames", progress);
  }

  function statusText() {
    const { state, items, error } = proposals;
    if (state === "waiting") return [el("span", { class: "spinner" }), t("proposal.waiting")];
    if (state === "found") return t("proposal.found", { count: items.length });
    if (state === "none") return t("proposal.none");
    if (state === "failed") return el("span", { class: "form-problem" }, messageOf(error));
    return state === "done" ? t("proposal.done") : null;
  }

  function allButtons() {
    const dismiss = () => {
      proposals.dismissAll();
      search.focus();
    };
    return [
      actionButton(
        app,
        { class: "primary" },
        () => andFocusNext(() => proposals.acceptAll()),
        t("proposal.acceptAll"),
      ),
      el("button", { type: "button", onclick: dismiss }, t("proposal.dismissAll")),
    ];
  }

  /**
   * @param {import("./proposals.js").Proposal} proposal
   * @param {number} index
   */
  function item(proposal, index) {
    const { reason, stillness, region } = proposal;
    const name = t("proposal.name", { place: index + 1, reason: t(`proposal.${reason}`) });
    const toggle = () => proposals.select(proposals.selected === proposal ? null : proposal);
    const dismiss = () => andFocusNext(async () => proposals.dismiss(proposal));
    return el(
      "li",
      { class: proposal === proposals.selected ? "mark selected" : "mark" },
      el("b", { class: "label" }, name),
      el(
        "span",
        { class: "facts" },
        `${t(`proposal.still.${amountOf(stillness)}`)} · ${region.width} × ${region.height}`,
      ),
      el(
        "span",
        { class: "actions" },
        actionButton(
          app,
          { "aria-label": t("proposal.acceptOne", { name }) },
          () => andFocusNext(() => proposals.accept(proposal)),
          t("proposal.accept"),
        ),
        quiet(`dismiss ${index}`, "proposal.dismiss", t("proposal.dismissOne", { name }), dismiss),
        quiet(`show ${index}`, "mark.goThere", t("proposal.show", { name }), toggle),
      ),
    );
  }

  /**
   * @param {string} key identifies the button when the list is rebuilt, to keep the focus
   * @param {string} textKey
   * @param {string} label
   * @param {() => void} onclick
   */
  function quiet(key, textKey, label, onclick) {
    const props = { type: "button", class: "quiet", "data-key": key, "aria-label": label, onclick };
    return el("button", props, t(textKey));
  }

  /**
   * Run an action and move the keyboard focus to the next remaining proposal.
   * @param {() => Promise<unknown>} act
   */
  async function andFocusNext(act) {
    await act();
    const next = /** @type {HTMLElement | null} */ (list.querySelector("button"));
    (next ?? search).focus();
  }

  proposals.addEventListener("proposals", show);
  show();
  return el("div", { class: "marked" }, search, status, bar, frames, list, all);
}
