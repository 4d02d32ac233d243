/** One message as a row. */

import { el, iconButton } from "./dom.js";
import { icon } from "./icons.js";
import { renderBlocks } from "./blocks.js";
import { emoji, EMOJI, QUICK } from "./emoji.js";
import { renderFiles } from "./files.js";
import { mrkdwn } from "./mrkdwn.js";
import { avatar, badge, clock, moment } from "./people.js";
import { ask, openMenu } from "./popups.js";
import { editor } from "./editor.js";

const GROUP_SECONDS = 300;

/** Everything that decides how a row looks; equal signatures need no new drawing. */
export function signature(message, page, place) {
  const summary = place.inThread ? null : threadFacts(message, page);
  return JSON.stringify([message, page.store.me, page.editing === message.ts, place.grouped, place.inThread, place.isNew, summary]);
}

/** Whether a message continues the block of the one before it. */
export function continues(message, before) {
  if (!before || before.ephemeral || message.ephemeral || before.deleted) return false;
  const same = before.user === message.user && before.bot_id === message.bot_id && before.username === message.username;
  return same && Number(message.ts) - Number(before.ts) < GROUP_SECONDS && !before.reply_count;
}

/** The row of a message. `place`: {inThread, grouped, isNew}. */
export function messageRow(message, page, place) {
  const user = page.store.author(message);
  const classes = ["message", place.grouped && "grouped", message.ephemeral && "ephemeral", callsMe(message, page) && "calls-me"];
  const time = el("time", { class: "gutter-time", title: moment(message.ts).toLocaleString() }, clock(message.ts).replace(/\s*[AP]M$/i, ""));
  const row = el(
    "article",
    { class: classes.filter(Boolean).join(" "), "data-ts": message.ts, tabindex: -1, "aria-label": `${user.real_name}, ${clock(message.ts)}` },
    el("div", { class: "gutter" }, place.grouped ? time : avatar(user)),
    el("div", { class: "message-main" }, notice(message, page), !place.grouped && head(message, user), body(message, page), below(message, page, place)),
    !message.deleted && toolbar(message, page, place),
  );
  row.key = rowKey(message);
  return row;
}

/** The key of a message's row. */
export function rowKey(message) {
  return `${message.ephemeral ? "e" : "m"}${message.ts}`;
}

function callsMe(message, page) {
  return message.user !== page.store.me && (message.text ?? "").includes(`<@${page.store.me}>`);
}

function notice(message, page) {
  if (!message.ephemeral) return null;
  const hide = el("button", { type: "button", class: "text-button", onclick: () => page.dismiss(message) }, "Dismiss");
  return el("div", { class: "only-you" }, icon("eye"), "Only visible to you", hide);
}

function head(message, user) {
  const time = el("time", { title: moment(message.ts).toLocaleString() }, clock(message.ts));
  return el("header", null, el("span", { class: "author" }, user.real_name || user.name), badge(user), time);
}

function body(message, page) {
  try {
    return content(message, page);
  } catch (error) {
    console.error("a message could not be drawn", error);
    return el("div", { class: "prose" }, el("p", null, message.text ?? ""));
  }
}

function content(message, page) {
  if (message.deleted) return el("div", { class: "prose removed" }, "This message was deleted.");
  if (page.editing === message.ts) return editor(message, page);
  const ctx = { names: page.store, press: (block, spec, more) => press(message, page, block, { action_id: spec.action_id, ...more }) };
  const edited = message.edited && !message.bot_id && el("span", { class: "edited" }, " (edited)");
  if (message.blocks?.length) return el("div", { class: "blocks" }, renderBlocks(message.blocks, ctx), edited);
  const text = mrkdwn(message.text, page.store);
  return message.text ? el("div", { class: `prose ${isOnlyEmoji(message.text) ? "large" : ""}` }, text, edited) : null;
}

function isOnlyEmoji(text) {
  return /^\s*(?::[a-z0-9_+-]+:|\p{Extended_Pictographic}\uFE0F?)(?:\s*(?::[a-z0-9_+-]+:|\p{Extended_Pictographic}\uFE0F?)){0,4}\s*$/u.test(text);
}

function press(message, page, block, more) {
  return page.act({ do: "press", channel: message.channel ?? page.channel, ts: message.ts, block_id: block.block_id, ephemeral: Boolean(message.ephemeral), ...more });
}

function below(message, page, place) {
  return [
    message.files?.length > 0 && renderFiles(message.files),
    message.reactions?.length > 0 && reactions(message, page),
    !place.inThread && threadSummary(message, page),
  ];
}

function reactions(message, page) {
  const chips = message.reactions.map((reaction) => {
    const mine = reaction.users.includes(page.store.me);
    const who = reaction.users.map((id) => page.store.handle(id) ?? id).join(", ");
    const props = { type: "button", class: `reaction ${mine ? "mine" : ""}`, title: `${who} · :${reaction.name}:`, "aria-pressed": String(mine) };
    return el("button", { ...props, onclick: () => page.react(message.ts, reaction.name) }, el("span", null, emoji(reaction.name)), el("span", null, String(reaction.users.length)));
  });
  return el("div", { class: "reactions" }, chips, iconButton(icon("smile"), "Add a reaction", (event) => pickEmoji(event, message, page)));
}

function threadFacts(message, page) {
  const replies = page.store.replies(page.channel, message.ts);
  const last = replies.at(-1);
  const unread = replies.filter((reply) => page.store.isUnread(page.channel, reply)).length;
  return { count: Math.max(replies.length, message.reply_count ?? 0), last, unread, people: [...new Set(replies.map((reply) => reply.user ?? reply.bot_id))], open: page.thread === message.ts };
}

function threadSummary(message, page) {
  const { count, last, unread, people, open } = threadFacts(message, page);
  if (!count) return null;
  const faces = people.slice(0, 4).map((id) => avatar(page.store.users.get(id) ?? page.store.bot() ?? { id, name: "?" }, "small"));
  const label = el("span", { class: "thread-count" }, `${count} ${count === 1 ? "reply" : "replies"}`);
  const preview = last && el("span", { class: "thread-preview" }, plainText(last.text, page.store));
  const dot = unread > 0 && el("span", { class: "pill" }, `${unread} new`);
  const props = { type: "button", class: `thread-summary ${open ? "open" : ""}`, onclick: () => page.openThread(message.ts) };
  return el("button", props, el("span", { class: "faces" }, faces), label, dot, preview, icon("chevron"));
}

/** A text without its markup, for previews and announcements. */
export function plainText(text, names) {
  const holder = el("span", null, mrkdwn(text ?? "", names));
  return holder.textContent.replace(/\s+/g, " ").trim();
}

function toolbar(message, page, place) {
  const thread = page.threadOf(message);
  const quick = QUICK.slice(0, 3).map((name) =>
    el("button", { type: "button", class: "icon-button wide-only", title: `:${name}:`, "aria-label": `React ${name}`, onclick: () => page.react(message.ts, name) }, emoji(name)),
  );
  const buttons = message.ephemeral ? [] : [...quick, iconButton(icon("smile"), "React", (event) => pickEmoji(event, message, page), { class: "wide-only" })];
  if (!place.inThread && !message.ephemeral) buttons.push(iconButton(icon("thread"), "Reply in thread", () => page.openThread(thread)));
  buttons.push(iconButton(icon("more"), "More", (event) => openMenu(event.currentTarget, moreItems(message, page)), { "aria-haspopup": "menu" }));
  return el("div", { class: "toolbar", role: "toolbar", "aria-label": "Message actions" }, buttons);
}

function moreItems(message, page) {
  const copy = { label: "Copy text", picture: icon("copy"), run: () => navigator.clipboard?.writeText(message.text ?? "") };
  if (message.ephemeral) return [copy];
  const shortcuts = page.store.shortcuts.map((shortcut) => ({
    label: shortcut.name ?? shortcut.label ?? shortcut.callback_id,
    picture: icon("bolt"),
    run: () => page.act({ do: "shortcut", channel: page.channel, ts: message.ts, callback_id: shortcut.callback_id }),
  }));
  const react = { label: "Add a reaction", picture: icon("smile"), run: () => pickEmoji({ currentTarget: page.rowOf(message) }, message, page) };
  return [...shortcuts, shortcuts.length > 0 && null, react, copy, ...ownItems(message, page)].filter((item) => item !== false);
}

function ownItems(message, page) {
  if (message.user !== page.store.me || message.bot_id) return [];
  const edit = { label: "Edit", picture: icon("pencil"), run: () => page.edit(message.ts) };
  const remove = { label: "Delete", picture: icon("trash"), danger: true, run: () => askDelete(message, page) };
  return [null, edit, remove];
}

async function askDelete(message, page) {
  const question = { title: "Delete this message?", text: plainText(message.text, page.store).slice(0, 200), confirm: "Delete", deny: "Keep", danger: true };
  if (await ask(question)) page.act({ do: "delete", channel: page.channel, ts: message.ts, text: "" });
}

function pickEmoji(event, message, page) {
  const items = [...EMOJI.keys()].map((name) => ({ label: emoji(name), title: `:${name}:`, run: () => page.react(message.ts, name) }));
  openMenu(event.currentTarget, items, { class: "emoji-grid" });
}
