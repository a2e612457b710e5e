/** Light or dark: as the system has it, unless somebody chose. */

/** @typedef {"system" | "light" | "dark"} Theme */

/** @type {Theme[]} */
export const THEMES = ["system", "light", "dark"];

const KEPT_AS = "framecloak.theme";

/** @returns {Theme} */
export function chosenTheme() {
  const kept = /** @type {Theme} */ (localStorage.getItem(KEPT_AS));
  return THEMES.includes(kept) ? kept : "system";
}

/** @param {Theme} theme */
export function useTheme(theme) {
  localStorage.setItem(KEPT_AS, theme);
  document.documentElement.dataset.theme = theme;
}
