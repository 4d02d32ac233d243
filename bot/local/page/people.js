/** How people, channels and moments are shown. */

import { el } from "./dom.js";
import { icon } from "./icons.js";

const GOLDEN_ANGLE = 137.508; // neighbouring ids get colours that are far apart

/** The picture of a person: initials on a colour of their own; bots have a sign. */
export function avatar(user, size = "") {
  const props = { class: `avatar ${size} ${user.is_bot ? "avatar-bot" : ""}`, hue: hue(user.id), "aria-hidden": "true" };
  return el("span", props, user.is_bot ? icon("branch") : initials(user.real_name || user.name));
}

function initials(name) {
  const words = name.trim().split(/[\s._-]+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0] ?? "?"];
  return letters.map((word) => [...word][0].toUpperCase()).join("");
}

function hue(id) {
  const sum = [...id].reduce((total, letter) => (total * 31 + letter.codePointAt(0)) % 99_991, 7);
  return String(Math.round(sum * GOLDEN_ANGLE) % 360);
}

/** The words behind a name that say what kind of member somebody is. */
export function badge(user) {
  const word = user.is_bot ? "app" : user.is_guest ? "guest" : user.is_stranger ? "external" : "";
  return word && el("span", { class: "badge" }, word);
}

/** The sign in front of a channel's name. */
export function channelSign(channel, store) {
  if (channel.is_im) return avatar(store.partner(channel) ?? { id: channel.id, name: "?" }, "tiny");
  return icon(channel.is_private ? "lock" : "hash");
}

/** A message's moment as a date. */
export function moment(ts) {
  return new Date(Number(ts) * 1000);
}

/** Hours and minutes of a message. */
export function clock(ts) {
  return moment(ts).toLocaleTimeString(undefined, { hour: "numeric", minute: "2-digit" });
}

/** The day of a message, as people say it. */
export function day(ts) {
  const date = moment(ts);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return date.toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long" });
}

/** A size of a file for people. */
export function fileSize(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
