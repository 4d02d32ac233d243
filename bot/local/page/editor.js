/** Changing a message that was sent. */

import { el } from "./dom.js";
import { unescape } from "./mrkdwn.js";

/** A sent text as a person would type it: names instead of ids. */
export function asTyped(text, names) {
  const readable = text
    .replace(/<@(\w+)(?:\|[^>]*)?>/g, (whole, id) => (names.handle(id) ? `@${names.handle(id)}` : whole))
    .replace(/<#(\w+)(?:\|([^>]*))?>/g, (whole, id, label) => `#${names.channels.get(id)?.name ?? label ?? id}`)
    .replace(/<(?:https?|mailto):([^>|]+)\|([^>]*)>/g, (whole, address, label) => (address.endsWith(label) ? label : whole))
    .replace(/<((?:https?|mailto):[^>|]+)(?:\|[^>]*)?>/g, "$1");
  return unescape(readable);
}

/** The box in which one's own message is changed. */
export function editor(message, page) {
  const typed = asTyped(message.text ?? "", page.store);
  const box = el("textarea", { class: "entry", rows: 3, "aria-label": "Edit message", value: typed });
  const save = async () => {
    const text = box.value.trim();
    if (text === typed || (await page.act({ do: "edit", channel: page.channel, ts: message.ts, text }))) page.edit(null);
  };
  box.onkeydown = (event) => editorKey(event, save, page);
  queueMicrotask(() => box.focus());
  const cancel = el("button", { type: "button", class: "button", onclick: () => page.edit(null) }, "Cancel");
  const done = el("button", { type: "button", class: "button primary", onclick: save }, "Save");
  return el("div", { class: "editor", frozen: `edit-${message.ts}` }, box, el("div", { class: "block-actions" }, cancel, done));
}

function editorKey(event, save, page) {
  if (event.key === "Escape") {
    event.stopPropagation();
    page.edit(null);
  }
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    save();
  }
}
