/** `rich_text` blocks to elements. */

import { el, link } from "./dom.js";
import { emoji } from "./emoji.js";
import { codeBlock } from "./code.js";
import { channelMention, formatDate, mention } from "./mrkdwn.js";

/** The elements of a rich_text object. */
export function richText(block, names) {
  return (block?.elements ?? []).map((part) => section(part, names));
}

function section(part, names) {
  const runs = (part.elements ?? []).filter((run) => run.type !== "rich_text_section");
  switch (part.type) {
    case "rich_text_list":
      return list(part, names);
    case "rich_text_preformatted":
      return codeBlock(runs.map((run) => run.text ?? run.url ?? "").join(""));
    case "rich_text_quote":
      return el("blockquote", null, runs.map((run) => leaf(run, names)));
    default:
      return el("p", null, runs.map((run) => leaf(run, names)));
  }
}

function list(part, names) {
  const items = part.elements.map((item) => el("li", null, item.elements.map((run) => leaf(run, names))));
  const start = part.offset ? part.offset + 1 : null;
  return el(part.style === "ordered" ? "ol" : "ul", { class: `indent-${Math.min(part.indent ?? 0, 6)}`, start }, items);
}

function leaf(run, names) {
  switch (run.type) {
    case "text":
      return styled(lines(run.text), run.style);
    case "link":
      return styled([link(run.url, run.text || run.url)], run.style);
    case "emoji":
      return el("span", { class: "emoji" }, emoji(run.name));
    case "user":
      return mention(run.user_id, names);
    case "channel":
      return channelMention(run.channel_id, names);
    case "usergroup":
      return el("span", { class: "mention" }, `@${run.usergroup_id}`);
    case "broadcast":
      return el("span", { class: "mention mention-self" }, `@${run.range}`);
    case "date":
      return el("time", null, formatDate(run.timestamp, run.format ?? "{date} {time}", run.fallback));
    default:
      return run.text ?? run.fallback ?? "";
  }
}

function lines(text) {
  return text.split("\n").flatMap((line, index) => (index ? [el("br"), line] : [line]));
}

function styled(nodes, style = {}) {
  const tags = { bold: "strong", italic: "em", strike: "s", code: "code", underline: "u" };
  return Object.entries(tags).reduce((inner, [name, tag]) => (style[name] ? [el(tag, null, inner)] : inner), nodes);
}
