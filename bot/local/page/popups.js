/** What opens above the page: menus, questions, toasts, large pictures. */

import { el, iconButton } from "./dom.js";
import { icon } from "./icons.js";

/** Opens a menu at `anchor`. Items: {label, detail?, picture?, danger?, checked?, run}; null makes a line. */
export function openMenu(anchor, items, props) {
  const menu = el("div", { class: `menu ${props?.class ?? ""}`, role: "menu", popover: "auto", onkeydown: (event) => moveInMenu(menu, event) });
  menu.append(...items.map((item) => (item === null ? el("hr") : menuItem(menu, item, anchor))));
  menu.addEventListener("toggle", (event) => event.newState === "closed" && menu.remove());
  (anchor.closest("dialog") ?? document.body).append(menu);
  menu.showPopover();
  place(menu, anchor.getBoundingClientRect());
  (menu.querySelector("[aria-checked=true]") ?? menu.querySelector("button"))?.focus();
}

function menuItem(menu, item, anchor) {
  const onclick = () => {
    menu.hidePopover();
    if (anchor.isConnected) anchor.focus({ preventScroll: true });
    item.run();
  };
  const checked = item.checked === undefined ? {} : { role: "menuitemradio", "aria-checked": String(item.checked) };
  const text = el("span", { class: "menu-text" }, el("span", null, item.label), item.detail && el("small", null, item.detail));
  const props = { type: "button", role: "menuitem", class: item.danger ? "danger" : "", title: item.title, onclick, ...checked };
  return el("button", props, item.picture, text, item.badge, item.checked && icon("check"));
}

function moveInMenu(menu, event) {
  const steps = { ArrowDown: 1, ArrowUp: -1, ArrowRight: 1, ArrowLeft: -1 };
  const buttons = [...menu.querySelectorAll("button")];
  if (!(event.key in steps) || buttons.length === 0) return;
  event.preventDefault();
  const at = buttons.indexOf(document.activeElement) + steps[event.key];
  buttons[(at + buttons.length) % buttons.length].focus();
}

function place(menu, at) {
  const { width, height } = menu.getBoundingClientRect();
  const below = at.bottom + 6 + height <= innerHeight;
  const top = below ? at.bottom + 6 : Math.max(8, at.top - height - 6);
  const left = Math.min(Math.max(8, at.left), innerWidth - width - 8);
  menu.style.setProperty("top", `${top}px`);
  menu.style.setProperty("left", `${left}px`);
}

/** Asks before something is done; resolves to whether it was confirmed. */
export function ask({ title, text, confirm, deny, danger }) {
  return new Promise((resolve) => {
    const yes = el("button", { value: "yes", class: danger ? "button danger" : "button primary" }, confirm);
    const no = el("button", { value: "no", class: "button" }, deny);
    const form = el("form", { method: "dialog" }, el("h2", null, title), el("div", { class: "dialog-text" }, text), el("footer", null, no, yes));
    const dialog = showDialog(form, { class: "ask", "aria-label": title });
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
    (danger ? no : yes).focus();
  });
}

/** Shows a modal dialog that is removed when it closes; a click beside it closes it too. */
export function showDialog(content, props) {
  const dialog = el("dialog", props, content);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close("no"));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** A picture over the whole page. */
export function showPicture(url, name) {
  const close = iconButton(icon("close"), "Close", () => dialog.close());
  const dialog = showDialog([close, el("img", { src: url, alt: name })], { class: "lightbox", "aria-label": name });
}

/** A short message at the edge of the page that goes away by itself. */
export function toast(text, kind = "info") {
  const box = document.getElementById("toasts");
  const note = el("div", { class: `toast toast-${kind}` }, icon(kind === "error" ? "alert" : "bolt"), el("span", null, text));
  note.append(iconButton(icon("close"), "Dismiss", () => note.remove()));
  box.append(note);
  if (box.matches(":popover-open")) box.hidePopover();
  box.showPopover();
  setTimeout(() => note.remove(), 4000 + text.length * 50);
}
