/** Creation of elements without parsing HTML: text is never interpreted as markup. */

const SVG = "http://www.w3.org/2000/svg";

/** Names set as properties, because their attributes only hold the initial value. */
const PROPERTIES = new Set(["checked", "disabled", "hidden", "indeterminate", "selected", "value"]);

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Record<string, any>} Props attributes, and event listeners named `on...`
 */

/**
 * Create an HTML element.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  assign(node, props);
  node.append(...nodes(children));
  return node;
}

/**
 * Create an SVG element.
 * @param {string} tag
 * @param {Props} [props]
 * @param {...(Child | Child[])} children
 * @returns {SVGElement}
 */
export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  assign(node, props);
  node.append(...nodes(children));
  return node;
}

/**
 * Replace the children of an element.
 * @param {Element} node
 * @param {...(Child | Child[])} children
 */
export function fill(node, ...children) {
  node.replaceChildren(...nodes(children));
}

/** Fields whose text was changed and not yet committed. @type {WeakSet<EventTarget>} */
const typing = new WeakSet();
document.addEventListener("input", ({ target }) => target && typing.add(target), true);
document.addEventListener("change", ({ target }) => target && typing.delete(target), true);

/** Contents that wait until the user has finished typing. @type {Map<Element, (Child | Child[])[]>} */
const waiting = new Map();

/**
 * Replace the children of an element and keep the keyboard focus on the child of the same `data-key`.
 *
 * While a user types into one of its fields, the replacement waits: it would discard what was typed.
 * @param {Element} node
 * @param {...(Child | Child[])} children
 */
export function refill(node, ...children) {
  const focused = document.activeElement;
  if (focused && typing.has(focused) && node.contains(focused)) {
    if (!waiting.has(node)) focused.addEventListener("blur", () => refillLater(node), { once: true });
    waiting.set(node, children);
    return;
  }
  waiting.delete(node);
  const key = focused instanceof HTMLElement && node.contains(focused) ? focused.dataset.key : undefined;
  fill(node, ...children);
  if (key) /** @type {HTMLElement | null} */ (node.querySelector(`[data-key="${CSS.escape(key)}"]`))?.focus();
}

/** @param {Element} node */
function refillLater(node) {
  // The field that gets the focus has it only after this event.
  setTimeout(() => {
    const children = waiting.get(node);
    if (children) refill(node, ...children);
  });
}

/** @param {(Child | Child[])[]} children */
function nodes(children) {
  return children
    .flat()
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

/**
 * @param {any} node
 * @param {Props} props
 */
function assign(node, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2).toLowerCase(), value);
    else if (PROPERTIES.has(name)) node[name] = value;
    else if (value !== false) node.setAttribute(name, value === true ? "" : String(value));
  }
}

let lastId = 0;

/** Return an id that is unique on the page, for labels and descriptions. */
export function uniqueId(prefix = "id") {
  lastId += 1;
  return `${prefix}-${lastId}`;
}
