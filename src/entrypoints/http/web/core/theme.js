/** Light or dark theme: the system's, unless the user chose one. */

/** @typedef {"system" | "light" | "dark"} Theme */

/** @type {Theme[]} */
export const THEMES = ["system", "light", "dark"];

const STORAGE_KEY = "framecloak.theme";

/** @returns {Theme} */
export function chosenTheme() {
  const stored = /** @type {Theme} */ (localStorage.getItem(STORAGE_KEY));
  return THEMES.includes(stored) ? stored : "system";
}

/** @param {Theme} theme */
export function useTheme(theme) {
  localStorage.setItem(STORAGE_KEY, theme);
  document.documentElement.dataset.theme = theme;
}
