/** Boxes on an image: drawn, moved and resized with a pointer or with keys. */

import { place, within } from "../core/areas.js";
import { el, fill } from "../core/dom.js";
import { Debounced } from "../core/debounce.js";

const MIN_SIZE = 8;
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

/**
 * @typedef {import("../core/areas.js").Area} Area
 *
 * @typedef {object} Box
 * @property {string | number} id
 * @property {Area} area
 * @property {string} name for screen readers
 * @property {string} [label] shown on the box
 * @property {string} [kind] determines its style
 * @property {any} [of] the object that the box stands for
 *
 * @typedef {object} Drawing source of the boxes, and handlers of changes
 * @property {string} role role description for screen readers
 * @property {boolean} [isFixed] whether the boxes are read-only
 * @property {() => {width: number, height: number}} size pixels of the image
 * @property {() => Box[]} boxes the boxes to show
 * @property {() => string | number} selected id of the selected box
 * @property {(id: string | number) => void} select 0 for none
 * @property {(area: Area) => unknown} add
 * @property {(box: Box, area: Area) => unknown} change
 * @property {(box: Box) => unknown} remove
 */

/**
 * @param {import("../app.js").App} app
 * @param {Drawing} drawing
 * @returns {{node: HTMLElement, show: () => void}}
 */
export function boxLayer(app, drawing) {
  const layer = el("div", { class: drawing.isFixed ? "regions fixed" : "regions", onpointerdown: draw });
  /** @type {Debounced<Area>} */
  const nudges = new Debounced();

  function show() {
    const isFocused = layer.contains(document.activeElement);
    const nodes = drawing.boxes().map(boxNode);
    fill(layer, nodes);
    if (isFocused) nodes.find((node) => node.classList.contains("selected"))?.focus();
  }

  /** @param {Box} box */
  function boxNode(box) {
    const isSelected = box.id === drawing.selected();
    const node = el(
      "div",
      {
        class: isSelected ? "region selected" : "region",
        tabindex: "0",
        role: "group",
        "aria-label": box.name,
        "aria-roledescription": drawing.role,
        "data-kind": box.kind,
        onpointerdown: (/** @type {PointerEvent} */ event) => drag(event, node, box, "move"),
        onkeydown: (/** @type {KeyboardEvent} */ event) => onKey(event, node, box),
        onfocus: () => box.id !== drawing.selected() && drawing.select(box.id),
      },
      box.label && el("span", { class: "tag", "aria-hidden": "true" }, box.label),
    );
    if (isSelected && !drawing.isFixed) {
      for (const [name, sides] of Object.entries(HANDLES)) {
        const pull = (/** @type {PointerEvent} */ event) => drag(event, node, box, sides);
        node.append(el("span", { class: `handle ${name}`, onpointerdown: pull }));
      }
    }
    // A label above this box would be outside the image.
    if (box.area.y < drawing.size().height / 16) node.classList.add("high");
    place(node, box.area, drawing.size());
    return node;
  }

  /**
   * @param {PointerEvent} event
   * @param {HTMLElement} node
   * @param {Box} box
   * @param {string} how `move`, or the sides that move
   */
  function drag(event, node, box, how) {
    event.preventDefault();
    event.stopPropagation();
    if (drawing.isFixed) return drawing.select(box.id);
    const from = pointOf(event);
    let area = box.area;
    trackPointer(
      event,
      (point) => {
        area = changed(box.area, how, point.x - from.x, point.y - from.y);
        place(node, area, drawing.size());
      },
      () => {
        if (area === box.area) drawing.select(box.id);
        else attempt(() => drawing.change(box, area));
      },
    );
  }

  /** @param {PointerEvent} event */
  function draw(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    if (drawing.isFixed) return drawing.select(0);
    const from = pointOf(event);
    const node = el("div", { class: "region drawn" });
    let area = { ...from, width: 0, height: 0 };
    layer.append(node);
    trackPointer(
      event,
      (point) => {
        const [x, y] = [Math.min(from.x, point.x), Math.min(from.y, point.y)];
        area = { x, y, width: Math.abs(point.x - from.x), height: Math.abs(point.y - from.y) };
        place(node, area, drawing.size());
      },
      () => {
        node.remove();
        const isLargeEnough = area.width >= MIN_SIZE && area.height >= MIN_SIZE;
        if (isLargeEnough) attempt(() => drawing.add(area));
        else drawing.select(0);
      },
    );
  }

  /**
   * @param {KeyboardEvent} event
   * @param {HTMLElement} node
   * @param {Box} box
   */
  function onKey(event, node, box) {
    if (drawing.isFixed) return;
    const step = event.shiftKey ? 10 : 1;
    /** @type {Record<string, [number, number]>} */
    const shifts = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    };
    const shift = shifts[event.key];
    if (shift) {
      const area = changed(nudges.value ?? box.area, event.altKey ? "rb" : "move", ...shift);
      place(node, area, drawing.size());
      nudges.schedule(area, (last) => attempt(() => drawing.change(box, last)));
    } else if (event.key === "Delete") attempt(() => drawing.remove(box));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {() => unknown} act */
  async function attempt(act) {
    try {
      await act();
    } catch (error) {
      app.announcer.problem(error);
    }
  }

  /**
   * @param {Area} area
   * @param {string} how
   * @param {number} dx
   * @param {number} dy
   * @returns {Area}
   */
  function changed({ x, y, width, height }, how, dx, dy) {
    if (how === "move") return within({ x: x + dx, y: y + dy, width, height }, drawing.size());
    const [left, top] = [how.includes("l") ? x + dx : x, how.includes("t") ? y + dy : y];
    const right = Math.max(left + MIN_SIZE, x + width + (how.includes("r") ? dx : 0));
    const bottom = Math.max(top + MIN_SIZE, y + height + (how.includes("b") ? dy : 0));
    return within({ x: left, y: top, width: right - left, height: bottom - top }, drawing.size());
  }

  /** @param {PointerEvent} event */
  function pointOf(event) {
    const frame = layer.getBoundingClientRect();
    const { width, height } = drawing.size();
    const x = ((event.clientX - frame.left) / frame.width) * width;
    const y = ((event.clientY - frame.top) / frame.height) * height;
    return { x: Math.min(width, Math.max(0, x)), y: Math.min(height, Math.max(0, y)) };
  }

  /**
   * @param {PointerEvent} event
   * @param {(point: {x: number, y: number}) => void} moved
   * @param {() => void} ended
   */
  function trackPointer(event, moved, ended) {
    const gesture = new AbortController();
    const { signal } = gesture;
    layer.setPointerCapture(event.pointerId);
    layer.addEventListener("pointermove", (move) => moved(pointOf(move)), { signal });
    for (const end of ["pointerup", "pointercancel"]) {
      layer.addEventListener(end, () => (gesture.abort(), ended()), { signal });
    }
  }

  show();
  return { node: layer, show };
}
