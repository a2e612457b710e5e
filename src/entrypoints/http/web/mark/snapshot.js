/** Comparison of marks by their content. */

/**
 * Return the marks that differ between two states. Their ids do not count: a mark that was removed and returned
 * has another one.
 * @template {{id: number}} Mark
 * @param {Mark[]} current
 * @param {Mark[]} target
 * @returns {{missing: Mark[], surplus: Mark[]}} marks only in the target, and marks only in the current state
 */
export function unmatched(current, target) {
  const surplus = [...current];
  const missing = target.filter((mark) => {
    const index = surplus.findIndex((other) => contentOf(other) === contentOf(mark));
    if (index >= 0) surplus.splice(index, 1);
    return index < 0;
  });
  return { missing, surplus };
}

/** @param {{id: number}} mark */
function contentOf(mark) {
  return JSON.stringify(mark, (key, value) => (key === "id" ? undefined : value));
}
