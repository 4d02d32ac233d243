/** Chat markup (one star is bold, addresses in angle brackets) to elements. */

import { el, link } from "./dom.js";
import { emoji, EMOJI } from "./emoji.js";
import { codeBlock } from "./code.js";

const EDGE = "(?<![\\p{L}\\p{N}*_~`])";
const END = "(?![\\p{L}\\p{N}*_~`])";
const marked = (name, sign) => `${EDGE}${sign}(?=\\S)(?<${name}>[^\\n]*?(?<=\\S))${sign}${END}`;
const INLINE = new RegExp(
  [
    "`(?<code>[^`\\n]+)`",
    "<(?<angle>[^<>\\n]+)>",
    "(?<url>https?:\\/\\/[^\\s<>|]*[^\\s<>|.,:;!?)\\]'\"*_~`])",
    marked("bold", "\\*"),
    marked("italic", "_"),
    marked("strike", "~"),
    ":(?<emoji>[a-z0-9_+'-]+(?:::skin-tone-\\d)?):",
    "(?<newline>\\n)",
  ].join("|"),
  "gu",
);

/** Decodes the three entities that chat text is escaped with. */
export function unescape(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

/** A whole chat text: paragraphs, quotes, preformatted parts. `names` knows users and channels. */
export function mrkdwn(text, names) {
  const parts = String(text ?? "").split(/```\n?([\s\S]*?)\n?```/);
  return parts.flatMap((part, index) => (index % 2 ? [codeBlock(unescape(part))] : quoted(part, names)));
}

function quoted(text, names) {
  const groups = [];
  for (const line of text.replace(/^\n|\n$/g, "").split("\n")) {
    const quote = /^(?:&gt;|>) ?/.exec(line);
    const last = groups.at(-1);
    const body = quote ? line.slice(quote[0].length) : line;
    if (last && last.quote === Boolean(quote)) last.lines.push(body);
    else groups.push({ quote: Boolean(quote), lines: [body] });
  }
  return groups.map(({ quote, lines }) => paragraph(quote, lines.join("\n"), names));
}

function paragraph(quote, text, names) {
  if (!text) return null;
  return el(quote ? "blockquote" : "p", null, inline(text, names));
}

/** One run of chat text without paragraphs. */
export function inline(text, names) {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    nodes.push(unescape(text.slice(at, match.index)), token(match, names));
    at = match.index + match[0].length;
  }
  nodes.push(unescape(text.slice(at)));
  return nodes;
}

function token(match, names) {
  const { code, angle, url, bold, italic, strike, emoji: name, newline } = match.groups;
  if (code !== undefined) return el("code", null, unescape(code));
  if (angle !== undefined) return bracketed(angle, names);
  if (url !== undefined) return link(unescape(url), unescape(url));
  if (bold !== undefined) return el("strong", null, inline(bold, names));
  if (italic !== undefined) return el("em", null, inline(italic, names));
  if (strike !== undefined) return el("s", null, inline(strike, names));
  if (newline !== undefined) return el("br");
  return EMOJI.has(name) ? el("span", { class: "emoji", title: `:${name}:` }, emoji(name)) : match[0];
}

/** What stands between angle brackets: a person, a channel, a group, a date or a link. */
export function bracketed(content, names) {
  const [target, label] = split(content);
  const rest = target.slice(1);
  switch (target[0]) {
    case "@":
      return mention(rest, names, label);
    case "#":
      return channelMention(rest, names, label);
    case "!":
      return special(rest, label);
    default:
      return /^(https?|mailto):/.test(target)
        ? link(unescape(target), unescape(label ?? target.replace(/^mailto:/, "")))
        : `<${unescape(content)}>`;
  }
}

function split(content) {
  const bar = content.indexOf("|");
  return bar < 0 ? [content, undefined] : [content.slice(0, bar), content.slice(bar + 1)];
}

/** A person named in a text; oneself stands out. */
export function mention(id, names, label) {
  const self = id === names.me ? " mention-self" : "";
  return el("span", { class: `mention${self}` }, `@${names.handle(id) ?? label ?? id}`);
}

/** A channel named in a text; a click goes there. */
export function channelMention(id, names, label) {
  const name = `#${names.channelName(id) || label || id}`;
  return el("button", { type: "button", class: "mention", onclick: () => names.go(id) }, name);
}

function special(content, label) {
  const [kind, ...parts] = content.split("^");
  if (kind === "date") return el("time", null, formatDate(Number(parts[0]), parts[1] ?? "", label));
  if (kind === "subteam") return el("span", { class: "mention" }, label ?? `@${parts[0]}`);
  return el("span", { class: "mention mention-self" }, `@${label ?? kind}`);
}

/** A moment (seconds since 1970) in the reader's own time zone, in the pattern of a date token. */
export function formatDate(seconds, pattern, fallback) {
  const when = new Date(seconds * 1000);
  if (Number.isNaN(when.getTime())) return fallback ?? "";
  const date = (style) => when.toLocaleDateString(undefined, { dateStyle: style });
  const time = (style) => when.toLocaleTimeString(undefined, { timeStyle: style });
  return pattern
    .replace(/\{date_num\}/g, when.toISOString().slice(0, 10))
    .replace(/\{date(_short|_short_pretty)?\}|\{date_pretty\}/g, date("medium"))
    .replace(/\{date_long(_pretty)?\}/g, date("full"))
    .replace(/\{time\}|\{ago\}/g, time("short"))
    .replace(/\{time_secs\}/g, time("medium"));
}
