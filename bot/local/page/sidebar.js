/** The channels and people at the side, and who one acts as. */

import { el, iconButton, morph } from "./dom.js";
import { icon } from "./icons.js";
import { avatar, badge, channelSign } from "./people.js";
import { openMenu, showDialog } from "./popups.js";
import { nextTheme, themeName } from "./theme.js";

export class Sidebar {
  #node = document.getElementById("sidebar");

  constructor(page) {
    this.page = page;
  }

  /** Draws the whole side. */
  render() {
    const visible = this.page.store.visible().filter((channel) => !channel.is_archived);
    const rooms = visible.filter((channel) => !channel.is_im).toSorted((a, b) => a.name.localeCompare(b.name));
    const talks = visible.filter((channel) => channel.is_im);
    const add = iconButton(icon("plus"), "New channel", () => this.#newChannel());
    morph(this.#node, [
      this.#head(),
      el("nav", { class: "rooms", "aria-label": "Channels and people" }, this.#section("Channels", rooms, add), talks.length > 0 && this.#section("Direct messages", talks)),
      this.#foot(),
    ]);
  }

  #head() {
    const jump = el("button", { type: "button", class: "jump", onclick: () => this.page.openSwitcher() }, icon("search"), el("span", null, "Jump to…"), el("kbd", { class: "wide-only" }, /Mac|iP/.test(navigator.platform) ? "⌘K" : "Ctrl K"));
    const mark = el("img", { class: "mark", src: new URL("icon.svg", import.meta.url).pathname, alt: "" });
    return el("header", { class: "side-head" }, el("div", { class: "team" }, mark, el("span", null, this.page.store.team)), jump);
  }

  #section(title, channels, extra) {
    return el("section", { key: title }, el("h2", null, el("span", null, title), extra), channels.map((channel) => this.#room(channel)));
  }

  #room(channel) {
    const { page } = this;
    const { count, calls } = page.store.unread(channel);
    const isOpen = channel.id === page.channel;
    const name = page.store.channelName(channel.id);
    const classes = `room ${isOpen ? "open" : ""} ${count ? "unread" : ""}`;
    const pill = calls ? el("span", { class: "pill" }, String(calls)) : count > 0 && el("span", { class: "dot", role: "img", "aria-label": "unread" });
    const partner = channel.is_im && page.store.partner(channel);
    const props = { type: "button", class: classes, key: channel.id, "aria-current": isOpen ? "page" : null, onclick: () => page.go(channel.id) };
    return el("button", props, el("span", { class: "room-sign" }, channelSign(channel, page.store)), el("span", { class: "room-name" }, name), partner && badge(partner), pill);
  }

  #foot() {
    const me = this.page.store.users.get(this.page.store.me);
    const elsewhere = this.page.store.people().some((user) => user.id !== me?.id && this.#calls(user) > 0);
    const who = el("span", { class: "me-name" }, el("small", null, "Acting as"), el("span", null, me?.real_name ?? "…"));
    const props = { type: "button", class: "me", "aria-haspopup": "menu", title: "Act as somebody else", onclick: (event) => this.#chooseUser(event.currentTarget) };
    const button = el("button", props, me && avatar(me, "medium"), who, elsewhere && el("span", { class: "dot" }), icon("chevron"));
    const theme = iconButton(icon(themeName() === "auto" ? "auto" : themeName() === "dark" ? "moon" : "sun"), `Colours: ${themeName()}`, () => {
      nextTheme();
      this.render();
    });
    return el("footer", { class: "side-foot" }, button, iconButton(icon("keyboard"), "Keyboard", showKeys, { class: "wide-only" }), theme);
  }

  #calls(user) {
    return this.page.store.visible(user.id).reduce((sum, channel) => sum + this.page.store.unread(channel, user.id).calls, 0);
  }

  #chooseUser(anchor) {
    const items = this.page.store.people().map((user) => {
      const calls = this.#calls(user);
      const kind = user.is_guest ? " · guest" : user.is_stranger ? " · external" : "";
      return {
        label: user.real_name,
        detail: `@${user.name}${kind}`,
        picture: avatar(user, "medium"),
        checked: user.id === this.page.store.me,
        badge: calls > 0 && el("span", { class: "pill" }, String(calls)),
        run: () => this.page.actAs(user.id),
      };
    });
    openMenu(anchor, items);
  }

  #newChannel() {
    const name = el("input", { class: "entry", name: "channel", required: true, maxlength: 80, pattern: "[\\p{Ll}\\p{N}_\\-]+", autocomplete: "off", placeholder: "e.g. payments", "aria-label": "Name" });
    const hint = el("p", { class: "field-hint" }, "Small letters, digits, - and _.");
    const cancel = el("button", { type: "button", class: "button", onclick: () => dialog.close("no") }, "Cancel");
    const onsubmit = () => this.page.act({ do: "channel", name: name.value.trim() });
    const form = el("form", { method: "dialog", onsubmit }, el("h2", null, "New channel"), name, hint, el("footer", null, cancel, el("button", { class: "button primary" }, "Create")));
    const dialog = showDialog(form, { class: "ask", "aria-label": "New channel" });
  }
}

const KEYS = [
  ["Ctrl K", "Jump to a channel or person, or act as somebody else"],
  ["Alt ↑ ↓", "Previous or next channel"],
  ["/", "Go to the message box"],
  ["Enter", "Send; take the chosen suggestion"],
  ["Shift Enter", "New line"],
  ["Tab", "Take the chosen suggestion"],
  ["↑", "In an empty box: edit your last message"],
  ["↑ ↓", "In the list: walk through messages"],
  ["T", "On a message: open its thread"],
  ["E", "On your message: edit it"],
  ["Esc", "Close what is open"],
];

function showKeys() {
  const rows = KEYS.map(([keys, text]) => [el("dt", null, el("kbd", null, keys)), el("dd", null, text)]);
  const close = el("button", { class: "button" }, "Close");
  showDialog(el("form", { method: "dialog" }, el("h2", null, "Keyboard"), el("dl", { class: "keys" }, rows), el("footer", null, close)), { class: "ask", "aria-label": "Keyboard" });
}
