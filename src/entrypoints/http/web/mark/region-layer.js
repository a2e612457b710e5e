/** Regions on the picture: drawn, moved and resized with a pointer or with keys. */

import { el, fill } from "../core/dom.js";
import { t } from "../core/language.js";
import { Settling } from "../core/settling.js";
import { within } from "./marks.js";
import { nameOf } from "./names.js";

const SMALLEST = 8;
/** Which sides each handle moves: left, top, right, bottom. */
const HANDLES = /** @type {const} */ ({
  nw: "lt",
  n: "t",
  ne: "rt",
  e: "r",
  se: "rb",
  s: "b",
  sw: "lb",
  w: "l",
});

/** @typedef {{x: number, y: number, width: number, height: number}} Box */

/**
 * @param {import("../app.js").App} app
 * @param {import("./marks.js").Marks} marks
 */
export function regionLayer(app, marks) {
  const { video } = marks;
  const layer = el("div", { class: "regions", onpointerdown: draw });
  /** @type {Settling<Box>} */
  const nudges = new Settling();

  function show() {
    const isFocused = layer.contains(document.activeElement);
    const boxes = marks.regionsAt(marks.frame).map(regionBox);
    fill(layer, boxes);
    if (isFocused) boxes.find((box) => box.classList.contains("selected"))?.focus();
  }

  /** @param {import("./marks.js").Region} region */
  function regionBox(region) {
    const isSelected = region.id === marks.selected;
    const node = el("div", {
      class: isSelected ? "region selected" : "region",
      tabindex: "0",
      role: "group",
      "aria-label": nameOf(marks.regions, region, "region"),
      "aria-roledescription": t("region.role"),
      onpointerdown: (/** @type {PointerEvent} */ event) => drag(event, node, region, "move"),
      onkeydown: (/** @type {KeyboardEvent} */ event) => pressed(event, node, region),
      onfocus: () => region.id !== marks.selected && marks.select(region.id),
    });
    if (isSelected) {
      for (const [name, sides] of Object.entries(HANDLES)) {
        const pull = (/** @type {PointerEvent} */ event) => drag(event, node, region, sides);
        node.append(el("span", { class: `handle ${name}`, onpointerdown: pull }));
      }
    }
    put(node, region);
    return node;
  }

  /**
   * @param {PointerEvent} event
   * @param {HTMLElement} node
   * @param {import("./marks.js").Region} region
   * @param {string} how `move`, or the sides that move
   */
  function drag(event, node, region, how) {
    event.preventDefault();
    event.stopPropagation();
    const from = pointOf(event);
    /** @type {Box} */
    let box = region;
    follow(
      event,
      (point) => {
        box = changed(region, how, point.x - from.x, point.y - from.y);
        put(node, box);
      },
      () => {
        if (box === region) marks.select(region.id);
        else save(region, box);
      },
    );
  }

  /** @param {PointerEvent} event */
  function draw(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    const from = pointOf(event);
    const node = el("div", { class: "region drawn" });
    let box = { ...from, width: 0, height: 0 };
    layer.append(node);
    follow(
      event,
      (point) => {
        const [x, y] = [Math.min(from.x, point.x), Math.min(from.y, point.y)];
        box = { x, y, width: Math.abs(point.x - from.x), height: Math.abs(point.y - from.y) };
        put(node, box);
      },
      () => {
        node.remove();
        const isMeant = box.width >= SMALLEST && box.height >= SMALLEST;
        if (isMeant) marks.addRegion(box).catch((error) => app.announcer.problem(error));
        else marks.select(0);
      },
    );
  }

  /**
   * @param {KeyboardEvent} event
   * @param {HTMLElement} node
   * @param {import("./marks.js").Region} region
   */
  function pressed(event, node, region) {
    const step = event.shiftKey ? 10 : 1;
    /** @type {Record<string, [number, number]>} */
    const ways = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const way = ways[event.key];
    if (way) {
      const box = changed(nudges.value ?? region, event.altKey ? "rb" : "move", ...way);
      put(node, box);
      nudges.settle(box, (last) => save(region, last));
    } else if (event.key === "Delete")
      marks.removeRegion(region).catch((error) => app.announcer.problem(error));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * @param {import("./marks.js").Region} region
   * @param {Box} box
   */
  function save(region, { x, y, width, height }) {
    marks.changeRegion(region, { x, y, width, height }).catch((error) => app.announcer.problem(error));
  }

  /**
   * @param {Box} box
   * @param {string} how
   * @param {number} dx
   * @param {number} dy
   * @returns {Box}
   */
  function changed({ x, y, width, height }, how, dx, dy) {
    if (how === "move") return within({ x: x + dx, y: y + dy, width, height }, video);
    const [left, top] = [how.includes("l") ? x + dx : x, how.includes("t") ? y + dy : y];
    const right = Math.max(left + SMALLEST, x + width + (how.includes("r") ? dx : 0));
    const bottom = Math.max(top + SMALLEST, y + height + (how.includes("b") ? dy : 0));
    return within({ x: left, y: top, width: right - left, height: bottom - top }, video);
  }

  /** @param {PointerEvent} event */
  function pointOf(event) {
    const frame = layer.getBoundingClientRect();
    const x = ((event.clientX - frame.left) / frame.width) * video.width;
    const y = ((event.clientY - frame.top) / frame.height) * video.height;
    return { x: Math.min(video.width, Math.max(0, x)), y: Math.min(video.height, Math.max(0, y)) };
  }

  /**
   * @param {PointerEvent} event
   * @param {(point: {x: number, y: number}) => void} moved
   * @param {() => void} ended
   */
  function follow(event, moved, ended) {
    const over = new AbortController();
    const { signal } = over;
    layer.setPointerCapture(event.pointerId);
    layer.addEventListener("pointermove", (one) => moved(pointOf(one)), { signal });
    for (const end of ["pointerup", "pointercancel"]) {
      layer.addEventListener(end, () => (over.abort(), ended()), { signal });
    }
  }

  /**
   * @param {HTMLElement} node
   * @param {Box} box
   */
  function put(node, box) {
    node.style.left = `${(100 * box.x) / video.width}%`;
    node.style.top = `${(100 * box.y) / video.height}%`;
    node.style.width = `${(100 * box.width) / video.width}%`;
    node.style.height = `${(100 * box.height) / video.height}%`;
  }

  for (const what of ["frame", "marks", "selected"]) marks.addEventListener(what, show);
  show();
  return layer;
}
