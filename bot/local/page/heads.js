/** The heads of the two panes, and what an empty channel says. */

import { el, iconButton, morph } from "./dom.js";
import { icon } from "./icons.js";
import { avatar, channelSign } from "./people.js";

/** Draws the head of the channel pane with the banner below it. */
export function drawChannelHead(page) {
  const { store } = page;
  const channel = store.channels.get(page.channel);
  const title = el("h1", null, el("span", { class: "room-sign" }, channelSign(channel, store)), el("span", null, store.channelName(channel.id)));
  const menu = iconButton(icon("menu"), "Channels", () => page.drawer(true), { class: "narrow-only" });
  morph(document.getElementById("channel-head"), [menu, title, channel.is_archived && el("span", { class: "badge" }, "archived"), members(channel, store), banner(store)]);
}

function members(channel, store) {
  if (channel.is_im) return null;
  const known = (channel.members ?? []).map((id) => store.users.get(id)).filter(Boolean);
  const names = known.map((user) => user.real_name).join(", ");
  const faces = known.slice(0, 4).map((user) => avatar(user, "small"));
  return el("span", { class: "members wide-only", title: names }, el("span", { class: "faces" }, faces), el("span", null, String(known.length)));
}

function banner({ banner: text, banner_warns: warns }) {
  return text && el("span", { class: `banner ${warns ? "banner-real" : ""}`, title: text }, el("span", { class: "dot" }), el("span", null, text));
}

/** Draws the head of the thread pane. */
export function drawThreadHead(page) {
  const name = page.store.channelName(page.channel);
  const sign = page.store.channels.get(page.channel)?.is_im ? "" : "#";
  const back = iconButton(icon("back"), "Back", () => page.closeThread(), { class: "narrow-only" });
  const close = iconButton(icon("close"), "Close thread", () => page.closeThread(), { class: "wide-only" });
  morph(document.getElementById("thread-head"), [back, el("h2", null, "Thread", el("small", null, `${sign}${name}`)), close]);
}

/** What stands at the top of a channel; in an empty one, example tasks as well. */
export function welcome(page, isEmpty) {
  const { store } = page;
  const channel = store.channels.get(page.channel);
  const name = store.channelName(page.channel);
  const text = channel.is_im ? `Only you and ${name} see this.` : `This is where #${name} begins.`;
  const chips = isEmpty && store.chips.map((chip) => example(page, chip));
  const sign = el("span", { class: "welcome-sign" }, channelSign(channel, store));
  return el("div", { class: `welcome ${isEmpty ? "welcome-empty" : ""}`, key: "welcome" }, sign, el("h2", null, channel.is_im ? name : `#${name}`), el("p", null, text), chips?.length > 0 && examples(chips));
}

function examples(chips) {
  return el("div", { class: "examples" }, el("h3", null, "Try one of these"), el("div", { class: "example-list" }, chips));
}

function example(page, { label, text }) {
  const onclick = () => page.runExample(text);
  return el("button", { type: "button", class: "example", onclick }, icon("bolt"), el("span", null, el("strong", null, label), el("code", null, text)), icon("send"));
}
