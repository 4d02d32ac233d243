/** The box that jumps anywhere (Ctrl K): channels, people, acting as somebody else. */

import { el, morph } from "./dom.js";
import { icon } from "./icons.js";
import { avatar, channelSign } from "./people.js";
import { showDialog } from "./popups.js";

const MOST = 9;

/** Opens the box. */
export function openSwitcher(page) {
  const state = { picked: 0, rows: [] };
  const list = el("div", { class: "jump-list", role: "listbox", id: "jump-list" });
  const input = el("input", { class: "jump-input", placeholder: "Channel or person", "aria-label": "Jump to", role: "combobox", "aria-expanded": "true", "aria-controls": "jump-list", autocomplete: "off" });
  const draw = () => morph(list, state.rows.map((row, index) => option(row, index, state.picked, () => take(dialog, row))));
  input.oninput = () => {
    Object.assign(state, { picked: 0, rows: find(page, input.value) });
    draw();
  };
  input.onkeydown = (event) => key(event, state, draw, () => take(dialog, state.rows[state.picked]));
  const dialog = showDialog([el("div", { class: "jump-top" }, icon("search"), input), list], { class: "switcher", "aria-label": "Jump to" });
  input.oninput();
  input.focus();
}

function take(dialog, row) {
  dialog.close();
  row?.run();
}

function key(event, state, draw, accept) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && state.rows.length) {
    state.picked = (state.picked + step + state.rows.length) % state.rows.length;
    draw();
  } else if (event.key === "Enter") accept();
  else return;
  event.preventDefault();
}

function option(row, index, picked, onclick) {
  const props = { role: "option", class: "jump-row", "aria-selected": String(index === picked), onclick };
  return el("div", props, row.picture, el("span", null, row.label), row.detail && el("small", null, row.detail));
}

function find(page, text) {
  const wanted = text.trim().toLowerCase().replace(/^[#@]/, "");
  return [...channelRows(page), ...userRows(page)].filter(({ search }) => search.toLowerCase().includes(wanted)).slice(0, MOST);
}

function channelRows(page) {
  const { store } = page;
  const rows = store.visible().map((channel) => ({
    search: store.channelName(channel.id) ?? "",
    label: store.channelName(channel.id),
    detail: unreadWords(store.unread(channel).count),
    unread: store.unread(channel).count,
    picture: el("span", { class: "room-sign" }, channelSign(channel, store)),
    run: () => page.go(channel.id),
  }));
  return rows.toSorted((a, b) => b.unread - a.unread);
}

function unreadWords(count) {
  return count ? `${count} new` : "";
}

function userRows(page) {
  return page.store.people().filter((user) => user.id !== page.store.me).map((user) => ({
    search: `${user.real_name} ${user.name}`,
    label: `Act as ${user.real_name}`,
    detail: `@${user.name}`,
    picture: avatar(user, "small"),
    run: () => page.actAs(user.id),
  }));
}
