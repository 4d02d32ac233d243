/** Standard Markdown, as agents write it, to elements: blocks here, runs of text in `span`. */

import { el, link } from "./dom.js";
import { emoji, EMOJI } from "./emoji.js";
import { codeBlock } from "./code.js";
import { bracketed } from "./mrkdwn.js";

const DEEPEST = 20;
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^`\s]*)[^`]*$/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])(?:\s+(.*)|)$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const DELIMITER = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

/** The elements of a Markdown text. `names` knows users and channels. */
export function markdown(text, names) {
  const lines = text.replaceAll("\r\n", "\n").replaceAll("\t", "    ").split("\n");
  return blocks(lines.map(withoutTrailing), { names, depth: 0 });
}

function withoutTrailing(line) {
  return line.endsWith("  ") ? `${line.trimEnd()}  ` : line;
}

function blocks(lines, { names, depth }) {
  if (depth > DEEPEST) return [el("p", null, lines.join(" "))];
  const inside = { names, depth: depth + 1 };
  const nodes = [];
  let at = 0;
  while (at < lines.length) {
    const [node, next] = block(lines, at, inside);
    if (node) nodes.push(node);
    at = next;
  }
  return nodes;
}

function block(lines, at, inside) {
  const { names } = inside;
  const line = lines[at];
  if (!line.trim()) return [null, at + 1];
  if (FENCE.test(line)) return fence(lines, at);
  const heading = HEADING.exec(line);
  if (heading) return [el(`h${heading[1].length}`, null, span(heading[2], names)), at + 1];
  if (RULE.test(line)) return [el("hr"), at + 1];
  if (/^ {0,3}>/.test(line)) return quote(lines, at, inside);
  if (ITEM.test(line)) return list(lines, at, inside);
  if (isTable(lines, at)) return table(lines, at, names);
  return paragraph(lines, at, names);
}

function fence(lines, at) {
  const [, mark, language] = FENCE.exec(lines[at]);
  const close = new RegExp(`^ {0,3}${mark[0]}{${mark.length},}\\s*$`);
  let end = at + 1;
  while (end < lines.length && !close.test(lines[end])) end += 1;
  return [codeBlock(lines.slice(at + 1, end).join("\n"), language), end + 1];
}

function quote(lines, at, inside) {
  let end = at;
  while (end < lines.length && /^ {0,3}>/.test(lines[end])) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(/^ {0,3}> ?/, ""));
  return [el("blockquote", null, blocks(inner, inside)), end];
}

function list(lines, at, inside) {
  const [, indent, mark] = ITEM.exec(lines[at]);
  const ordered = /\d/.test(mark);
  const items = [];
  let end = at;
  while (end < lines.length && startsItem(lines[end], indent.length, ordered)) {
    const [item, next] = listItem(lines, end, inside);
    items.push(item);
    end = next;
  }
  const start = ordered && parseInt(mark, 10) !== 1 ? { start: parseInt(mark, 10) } : null;
  return [el(ordered ? "ol" : "ul", start, items), end];
}

function startsItem(line, indent, ordered) {
  const item = ITEM.exec(line);
  if (!item || RULE.test(line)) return false;
  return Math.abs(item[1].length - indent) < 2 && /\d/.test(item[2]) === ordered;
}

function listItem(lines, at, inside) {
  const [, indent, mark, first = ""] = ITEM.exec(lines[at]);
  const inner = [first];
  const depth = indent.length + mark.length + 1;
  let end = at + 1;
  while (end < lines.length && belongs(lines, end, indent.length)) {
    inner.push(lines[end].replace(new RegExp(`^ {0,${depth}}`), ""));
    end += 1;
  }
  return [itemElement(first, inner, inside), end];
}

function belongs(lines, at, indent) {
  const line = lines[at];
  if (!line.trim()) return lines[at + 1]?.search(/\S/) > indent;
  if (line.search(/\S/) > indent + 1) return true;
  return Boolean(lines[at - 1].trim()) && !startsBlock(line);
}

function startsBlock(line) {
  return [ITEM, FENCE, HEADING, RULE, /^ {0,3}>/].some((pattern) => pattern.test(line));
}

function itemElement(first, inner, inside) {
  const task = /^\[([ xX])\]\s+/.exec(first);
  if (!task) return el("li", null, tight(inner, inside));
  const done = task[1] !== " ";
  const box = el("input", { type: "checkbox", disabled: true, checked: done, "aria-label": done ? "done" : "open" });
  const rest = [first.slice(task[0].length), ...inner.slice(1)];
  return el("li", { class: "task-item", "data-done": String(done) }, box, el("div", null, tight(rest, inside)));
}

function tight(inner, inside) {
  const nodes = blocks(inner, inside);
  return nodes.flatMap((node) => (node.nodeName === "P" && nodes[0] === node ? [...node.childNodes] : [node]));
}

function isTable(lines, at) {
  return lines[at].includes("|") && at + 1 < lines.length && lines[at + 1].includes("-") && DELIMITER.test(lines[at + 1].trim());
}

function table(lines, at, names) {
  const align = cells(lines[at + 1]).map(alignment);
  let end = at + 2;
  while (end < lines.length && lines[end].trim() && lines[end].includes("|")) end += 1;
  const line = (tag, text) =>
    el("tr", null, align.map((side, n) => el(tag, { class: side }, span(cells(text)[n] ?? "", names))));
  const body = lines.slice(at + 2, end).map((text) => line("td", text));
  const whole = el("table", null, el("thead", null, line("th", lines[at])), el("tbody", null, body));
  return [el("div", { class: "table", tabindex: 0 }, whole), end];
}

function alignment(cell) {
  if (/^:-+:$/.test(cell)) return "align-center";
  return cell.endsWith(":") ? "align-right" : "align-left";
}

function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  const parts = inner.match(/(?:\\\||`[^`]*`|[^|])+|(?<=\|)(?=\|)/g) ?? [];
  return parts.map((part) => part.trim().replaceAll("\\|", "|"));
}

function paragraph(lines, at, names) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !startsBlock(lines[end]) && !/^(=+|-+)\s*$/.test(lines[end])) end += 1;
  const text = lines.slice(at, end).map((line) => line.replace(/^ +/, "")).join("\n");
  const underline = /^(=+|-+)\s*$/.exec(lines[end] ?? "");
  if (underline && end === at + 1) return [el(underline[1][0] === "=" ? "h1" : "h2", null, span(text, names)), end + 1];
  return [el("p", null, span(text, names)), end];
}

const WORD = "[\\p{L}\\p{N}]";
const SPAN = new RegExp(
  [
    "\\\\(?<escape>[!-\\/:-@\\[-`{-~])",
    "(?<tick>`+)(?<code>[^`][^]*?(?<=[^`])|[^`])\\k<tick>(?!`)",
    "!?\\[(?<label>(?:[^\\[\\]\\\\]|\\\\.|\\[[^\\[\\]]*\\])*)\\]\\(\\s*<?(?<href>[^\\s<>()]*(?:\\([^\\s()]*\\)[^\\s<>()]*)*)>?(?:\\s+\"[^\"]*\")?\\s*\\)",
    "<(?<angle>https?:\\/\\/[^\\s<>]+|[@#!][^\\s<>][^<>\\n]*)>",
    "(?<url>https?:\\/\\/[^\\s<>|]*[^\\s<>|.,:;!?)\\]'\"*_~`])",
    "(?<both>\\*\\*\\*(?=\\S)(?<bothText>[^]+?(?<=\\S))\\*\\*\\*)",
    "\\*\\*(?=\\S)(?<bold>[^]+?(?<=\\S))\\*\\*(?!\\*)",
    `(?<!${WORD})__(?=\\S)(?<bold2>[^]+?(?<=\\S))__(?!${WORD})`,
    "\\*(?=[^\\s*])(?<italic>[^*]*?(?<=[^\\s*]))\\*(?!\\*)",
    `(?<!${WORD})_(?=[^\\s_])(?<italic2>[^_]*?(?<=[^\\s_]))_(?!${WORD})`,
    "~~(?=\\S)(?<strike>[^]+?(?<=\\S))~~",
    ":(?<emoji>[a-z0-9_+-]+):",
    "(?<newline>(?: {2,}|\\\\)?\\n)",
  ].join("|"),
  "gu",
);

/** A run of Markdown text within one block. */
export function span(text, names) {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(SPAN)) {
    nodes.push(text.slice(at, match.index), token(match, names));
    at = match.index + match[0].length;
  }
  nodes.push(text.slice(at));
  return nodes;
}

function token(match, names) {
  const { escape, code, label, href, angle, url, emoji: name, newline } = match.groups;
  if (escape !== undefined) return escape;
  if (code !== undefined) return el("code", null, code.replace(/\n/g, " ").replace(/^ (.*\S.*) $/, "$1"));
  if (label !== undefined) return link(href, label ? span(label, names) : href);
  if (angle !== undefined) return bracketed(angle, names);
  if (url !== undefined) return link(url, url);
  if (newline !== undefined) return el("br");
  if (name !== undefined) return EMOJI.has(name) ? el("span", { class: "emoji" }, emoji(name)) : match[0];
  return emphasis(match.groups, names);
}

function emphasis({ bothText, bold, bold2, italic, italic2, strike }, names) {
  if (bothText !== undefined) return el("strong", null, el("em", null, span(bothText, names)));
  const strong = bold ?? bold2;
  if (strong !== undefined) return el("strong", null, span(strong, names));
  if (strike !== undefined) return el("s", null, span(strike, names));
  return el("em", null, span(italic ?? italic2, names));
}
