/** Routing. Addresses are URL fragments, because paths belong to the API. */

/**
 * @typedef {object} Place the current address
 * @property {string} path as in `/videos/3`
 * @property {Record<string, string>} params values of `:name`
 * @property {URLSearchParams} query
 *
 * @typedef {object} Route
 * @property {string} path as in `/videos/:id`
 * @property {string} title text key of the page's title
 * @property {string} [section] entry of the navigation that it belongs to
 * @property {(app: import("../app.js").App, place: Place, signal: AbortSignal) => Node} page
 */

/** @returns {Place} */
export function currentPlace() {
  const [path, query] = location.hash.slice(1).split("?");
  return { path: path || "/videos", params: {}, query: new URLSearchParams(query) };
}

/**
 * Navigate to an address.
 * @param {string} path
 * @param {Record<string, string | number>} [query]
 */
export function go(path, query = {}) {
  location.hash = link(path, query).slice(1);
}

/**
 * Change the address without loading the page again.
 * @param {string} path
 * @param {Record<string, string | number>} query
 */
export function remember(path, query) {
  history.replaceState(null, "", link(path, query));
}

/**
 * Return the address of a link.
 * @param {string} path
 * @param {Record<string, string | number>} [query]
 */
export function link(path, query = {}) {
  const parameters = Object.entries(query).filter(([, value]) => value !== "" && value !== 0);
  const pairs = parameters.map(([name, value]) => [name, String(value)]);
  return pairs.length ? `#${path}?${new URLSearchParams(pairs)}` : `#${path}`;
}

/**
 * Return a whole number from the query; 0 when it is missing or invalid.
 * @param {URLSearchParams} query
 * @param {string} name
 */
export function numberOf(query, name) {
  const value = query.get(name) ?? "";
  return /^\d{1,9}$/.test(value) ? Number(value) : 0;
}

/**
 * Decode a part of an address; null when it is malformed.
 * @param {string} part
 */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/**
 * Return the route of a place, and the place with its parameters; null when no route matches.
 * @param {Route[]} routes
 * @param {Place} place
 * @returns {{route: Route, place: Place} | null}
 */
export function match(routes, place) {
  const parts = place.path.split("/");
  for (const route of routes) {
    const pattern = route.path.split("/");
    if (pattern.length !== parts.length) continue;
    /** @type {Record<string, string>} */
    const params = {};
    const matches = pattern.every((part, index) => {
      if (!part.startsWith(":")) return part === parts[index];
      const value = decoded(parts[index]);
      params[part.slice(1)] = value ?? "";
      return Boolean(value);
    });
    if (matches) return { route, place: { ...place, params } };
  }
  return null;
}
