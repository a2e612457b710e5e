/** Proposed regions on the picture and in a list. */

import { wordsOf } from "../core/api.js";
import { place } from "../core/areas.js";
import { el, fill, refill } from "../core/dom.js";
import { percent, t } from "../core/language.js";
import { actionButton } from "../ui/buttons.js";

/**
 * Dashed frames with numbers; the list says the same to those who listen.
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
 * @param {import("../app.js").App} app
 * @param {import("./proposals.js").Proposals} proposals
 */
export function proposalList(app, proposals) {
  const ask = el("button", { type: "button", onclick: () => proposals.ask() }, t("proposal.ask"));
  const told = el("div", { class: "told", role: "status" });
  const list = el("ul", {});
  const all = el("div", { class: "actions" });

  function show() {
    const { state, items } = proposals;
    ask.disabled = state === "waiting";
    fill(told, words());
    refill(list, items.map(item));
    fill(all, items.length > 1 && allButtons());
  }

  function words() {
    const { state, items, error } = proposals;
    if (state === "waiting") return [el("span", { class: "spinner" }), t("proposal.waiting")];
    if (state === "found") return t("proposal.found", { count: items.length });
    if (state === "none") return t("proposal.none");
    if (state === "failed") return el("span", { class: "form-problem" }, wordsOf(error));
    return state === "done" ? t("proposal.done") : null;
  }

  function allButtons() {
    const dismiss = () => {
      proposals.dismissAll();
      ask.focus();
    };
    return [
      actionButton(
        app,
        { class: "primary" },
        () => settled(() => proposals.acceptAll()),
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
    const { reason, confidence, region } = proposal;
    const name = t("proposal.name", { place: index + 1, reason: t(`proposal.${reason}`) });
    const look = () => proposals.select(proposals.selected === proposal ? null : proposal);
    const dismiss = () => settled(async () => proposals.dismiss(proposal));
    return el(
      "li",
      { class: proposal === proposals.selected ? "mark selected" : "mark" },
      el("b", { class: "label" }, name),
      el(
        "span",
        { class: "facts" },
        `${t("proposal.confidence", { share: percent(confidence) })} · ${region.width} × ${region.height}`,
      ),
      el(
        "span",
        { class: "actions" },
        actionButton(
          app,
          { "aria-label": t("proposal.acceptOne", { name }) },
          () => settled(() => proposals.accept(proposal)),
          t("proposal.accept"),
        ),
        quiet(`dismiss ${index}`, "proposal.dismiss", t("proposal.dismissOne", { name }), dismiss),
        quiet(`show ${index}`, "mark.goThere", t("proposal.show", { name }), look),
      ),
    );
  }

  /**
   * @param {string} key by which the focus finds it again
   * @param {string} words
   * @param {string} label
   * @param {() => void} onclick
   */
  function quiet(key, words, label, onclick) {
    const props = { type: "button", class: "quiet", "data-key": key, "aria-label": label, onclick };
    return el("button", props, t(words));
  }

  /**
   * Whoever uses the keyboard goes on with what is left.
   * @param {() => Promise<unknown>} act
   */
  async function settled(act) {
    await act();
    const next = /** @type {HTMLElement | null} */ (list.querySelector("button"));
    (next ?? ask).focus();
  }

  proposals.addEventListener("proposals", show);
  show();
  return el("div", { class: "marked" }, ask, told, list, all);
}
