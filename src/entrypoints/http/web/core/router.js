/** Which page an address shows. Addresses are fragments, as paths belong to the API. */

/**
 * @typedef {object} Place where somebody is
 * @property {string} path as in `/videos/3`
 * @property {Record<string, string>} params what stands in the place of `:name`
 * @property {URLSearchParams} query
 *
 * @typedef {object} Route
 * @property {string} path as in `/videos/:id`
 * @property {string} title name of the page's title
 * @property {string} [section] which entry of the navigation it belongs to
 * @property {(app: import("../app.js").App, place: Place, signal: AbortSignal) => Node} page
 */

/** @returns {Place} */
export function here() {
  const [path, query] = location.hash.slice(1).split("?");
  return { path: path || "/videos", params: {}, query: new URLSearchParams(query) };
}

/**
 * Go somewhere.
 * @param {string} path
 * @param {Record<string, string | number>} [query]
 */
export function go(path, query = {}) {
  location.hash = link(path, query).slice(1);
}

/**
 * Stay on the page and change what its address asks for, without loading it anew.
 * @param {string} path
 * @param {Record<string, string | number>} query
 */
export function remember(path, query) {
  history.replaceState(null, "", link(path, query));
}

/**
 * An address for a link.
 * @param {string} path
 * @param {Record<string, string | number>} [query]
 */
export function link(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== 0);
  const words = given.map(([name, value]) => [name, String(value)]);
  return words.length ? `#${path}?${new URLSearchParams(words)}` : `#${path}`;
}

/**
 * A whole number that an address names; 0 where it names none that can be meant.
 * @param {URLSearchParams} query
 * @param {string} name
 */
export function numberOf(query, name) {
  const value = query.get(name) ?? "";
  return /^\d{1,9}$/.test(value) ? Number(value) : 0;
}

/**
 * Part of an address as it was meant; null where it is none.
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
 * The route of a place, and the place with its parameters; none where there is no such page.
 * @param {Route[]} routes
 * @param {Place} place
 * @returns {{route: Route, place: Place} | null}
 */
export function match(routes, place) {
  const parts = place.path.split("/");
  for (const route of routes) {
    const wanted = route.path.split("/");
    if (wanted.length !== parts.length) continue;
    /** @type {Record<string, string>} */
    const params = {};
    const fits = wanted.every((part, index) => {
      if (!part.startsWith(":")) return part === parts[index];
      const value = decoded(parts[index]);
      params[part.slice(1)] = value ?? "";
      return Boolean(value);
    });
    if (fits) return { route, place: { ...place, params } };
  }
  return null;
}
