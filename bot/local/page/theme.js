/** Light, dark, or as the system wants it; remembered by the browser. */

const ORDER = ["auto", "light", "dark"];
const KEY = "mab-theme";

/** The colours that are chosen now. */
export function themeName() {
  const kept = localStorage.getItem(KEY);
  return ORDER.includes(kept) ? kept : "auto";
}

/** Shows the chosen colours. */
export function applyTheme() {
  document.documentElement.dataset.theme = themeName();
}

/** Goes on to the next choice. */
export function nextTheme() {
  localStorage.setItem(KEY, ORDER[(ORDER.indexOf(themeName()) + 1) % ORDER.length]);
  applyTheme();
}
