/** The list of suggestions above a message box. */

import { el, morph } from "./dom.js";
import { suggest } from "./completion.js";
import { avatar } from "./people.js";

let count = 0;

export class Offer {
  #id = `offer-${(count += 1)}`;
  #found = null;
  #picked = 0;
  #dismissed = null;

  /** `changed` is called when a suggestion was taken or the list was closed. */
  constructor(box, page, inThread, changed) {
    Object.assign(this, { box, page, inThread, changed });
    this.list = el("div", { class: "completion", id: `${this.#id}-list`, role: "listbox", hidden: true, "aria-label": "Suggestions" });
    const roles = { role: "combobox", "aria-autocomplete": "list", "aria-controls": `${this.#id}-list`, "aria-expanded": "false" };
    for (const [name, value] of Object.entries(roles)) box.setAttribute(name, value);
  }

  /** Whether suggestions other than those of `title` are shown. */
  covers(title) {
    return this.#found !== null && this.#found.title !== title;
  }

  /** Finds suggestions for what stands before the caret. */
  look() {
    const { value, selectionStart: caret, selectionEnd: end } = this.box;
    const isQuiet = value.slice(0, caret) === this.#dismissed || caret !== end;
    this.#found = isQuiet ? null : suggest(value, caret, { store: this.page.store, inThread: this.inThread });
    this.#picked = 0;
    this.#render();
  }

  #render() {
    this.list.hidden = !this.#found;
    this.box.setAttribute("aria-expanded", String(Boolean(this.#found)));
    if (!this.#found) {
      this.box.removeAttribute("aria-activedescendant");
      return;
    }
    const rows = this.#found.items.map((item, index) => this.#row(item, index));
    const keys = el("div", { class: "completion-title" }, el("span", null, this.#found.title), el("span", { class: "wide-only" }, el("kbd", null, "↑↓"), " choose ", el("kbd", null, "Tab"), " take ", el("kbd", null, "Esc"), " close"));
    morph(this.list, [keys, ...rows]);
    this.box.setAttribute("aria-activedescendant", `${this.#id}-${this.#picked}`);
    this.list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }

  #row(item, index) {
    const user = item.kind === "person" && this.page.store.users.get(item.id);
    const label = el("span", { class: "completion-label" }, item.label, item.usage && el("span", { class: "completion-usage" }, ` ${item.usage}`));
    const props = { id: `${this.#id}-${index}`, role: "option", class: `completion-row ${item.kind}`, "aria-selected": String(index === this.#picked) };
    const row = el("div", props, user && avatar(user, "small"), label, item.detail && el("span", { class: "completion-detail" }, item.detail));
    row.onclick = () => this.#accept(item);
    row.onpointerdown = (event) => event.preventDefault();
    return row;
  }

  #accept(item) {
    const caret = this.box.selectionStart;
    const end = item.insert.endsWith(" ") && this.box.value[caret] === " " ? caret + 1 : caret;
    this.box.focus();
    this.box.setRangeText(item.insert, this.#found.from, end, "end");
    this.changed();
  }

  /** Hides the list. */
  close() {
    this.#found = null;
    this.#render();
  }

  /** Handles a key; returns whether it was meant for the list. */
  takes(event) {
    if (!this.#found) return false;
    const { items, from } = this.#found;
    const item = items[this.#picked];
    switch (event.key) {
      case "ArrowDown":
      case "ArrowUp":
        this.#picked = (this.#picked + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length;
        this.#render();
        return true;
      case "Escape":
        event.stopPropagation();
        this.#dismissed = this.box.value.slice(0, this.box.selectionStart);
        this.close();
        this.changed();
        return true;
      case "Enter":
        if (event.shiftKey || this.box.value.slice(from, this.box.selectionStart) === item.insert.trimEnd()) return false;
        this.#accept(item);
        return true;
      case "Tab":
        if (event.shiftKey) return false;
        this.#accept(item);
        return true;
      default:
        return false;
    }
  }
}
