/** What the composer offers while somebody types. Pure: text and caret in, suggestions out. */

import { EMOJI } from "./emoji.js";

const MOST = 8;

/**
 * Suggestions at the caret, or null: {from, title, items: [{insert, label, detail, kind, id?}]}.
 * An accepted item replaces the text between `from` and the caret.
 */
export function suggest(text, caret, { store, inThread }) {
  const before = text.slice(0, caret);
  const offers = inThread ? [mentions, channels, emojis] : [commands, subcommands, options, mentions, channels, emojis];
  for (const offer of offers) {
    const found = offer(before, store);
    if (found?.items.length) return { ...found, items: found.items.slice(0, MOST) };
  }
  return null;
}

function commands(before, store) {
  const match = /^\/\S*$/.exec(before);
  if (!match) return null;
  const items = store.commands.filter(({ command }) => command.startsWith(match[0].toLowerCase())).map((entry) => ({
    kind: "command",
    insert: `${entry.command} `,
    label: entry.command,
    usage: entry.usage_hint,
    detail: entry.description,
  }));
  return { from: 0, title: "Commands", items };
}

function subcommands(before, store) {
  const match = /^(\/\S+)\s+(\S*)$/.exec(before);
  const command = match && commandOf(match[1], store);
  if (!command) return null;
  const fits = (command.subcommands ?? []).filter(({ name }) => name.startsWith(match[2].toLowerCase()));
  const items = fits.map(({ name, usage, hint }) => ({ kind: "command", insert: takesMore(name, usage) ? `${name} ` : name, label: name, usage: rest(name, usage), detail: hint }));
  return { from: before.length - match[2].length, title: command.command, items };
}

function options(before, store) {
  const match = /\s([—–]|--?)([\w-]*)$/.exec(before);
  const usage = match && usageOf(before, store)?.usage;
  if (!usage) return null;
  const known = [...usage.matchAll(/--([\w-]+)(?:[ =]([^\]\s]+))?/g)];
  const unused = known.filter(([, name]) => name.startsWith(match[2]) && !before.includes(`--${name} `));
  const items = unused.map(([, name, value]) => ({ kind: "command", insert: `--${name} `, label: `--${name}`, usage: value ?? "", detail: "" }));
  return { from: before.length - match[1].length - match[2].length, title: "Options", items };
}

function mentions(before, store) {
  const match = /(?:^|[\s(])@([\p{L}\p{N}._-]*)$/u.exec(before);
  if (!match) return null;
  const wanted = match[1].toLowerCase();
  const fits = [...store.users.values()].filter(({ name, real_name: real }) => starts(name, wanted) || real.split(" ").some((word) => starts(word, wanted)));
  const items = fits.map((user) => ({ kind: "person", id: user.id, insert: `@${user.name} `, label: user.real_name, detail: `@${user.name}` }));
  return { from: before.length - wanted.length - 1, title: "People", items };
}

function channels(before, store) {
  const match = /(?:^|[\s(])#([\p{L}\p{N}_-]*)$/u.exec(before);
  if (!match) return null;
  const fits = store.visible().filter((channel) => !channel.is_im && starts(channel.name, match[1].toLowerCase()));
  const items = fits.map((channel) => ({ kind: "channel", insert: `#${channel.name} `, label: `#${channel.name}`, detail: "" }));
  return { from: before.length - match[1].length - 1, title: "Channels", items };
}

function emojis(before) {
  const match = /(?:^|\s):([a-z0-9_+-]{2,})$/.exec(before);
  if (!match) return null;
  const names = [...EMOJI.keys()].filter((name) => name.includes(match[1]));
  const items = names.map((name) => ({ kind: "emoji", insert: `${EMOJI.get(name)} `, label: `${EMOJI.get(name)} :${name}:`, detail: "" }));
  return { from: before.length - match[1].length - 1, title: "Emoji", items };
}

function starts(word, wanted) {
  return word.toLowerCase().startsWith(wanted);
}

function commandOf(name, store) {
  return store.commands.find(({ command }) => command === name.toLowerCase());
}

/** The subcommand that a text has begun, or null: {name, usage, hint}. */
export function usageOf(text, store) {
  const match = /^(\/\S+)\s+(\S+)(?=\s|$)/.exec(text);
  const command = match && commandOf(match[1], store);
  return (command?.subcommands ?? []).find(({ name }) => name === match[2].toLowerCase()) ?? null;
}

/** The registered command that a text begins with, or null. */
export function commandIn(text, store) {
  const match = /^(\/\S+)(?=\s|$)/.exec(text);
  return match ? (commandOf(match[1], store) ?? null) : null;
}

function takesMore(name, usage) {
  return rest(name, usage).length > 0;
}

function rest(name, usage) {
  return (usage ?? "").replace(/^\/\S+\s+/, "").replace(new RegExp(`^${name}\\b\\s*`), "");
}
