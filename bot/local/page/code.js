/** Program text and diffs, with a button that copies them. */

import { el, iconButton } from "./dom.js";
import { icon } from "./icons.js";

const MAX_LINES = 3000;
const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)/;

/** A preformatted block. */
export function codeBlock(text, language = "") {
  const isDiff = /^(diff|patch)$/i.test(language);
  const body = isDiff ? diff(text) : el("pre", { tabindex: 0 }, el("code", null, text));
  return el("div", { class: "code", frozen: `${language}\n${text}` }, label(language), copyButton(text), body);
}

function label(language) {
  return language && el("span", { class: "code-language" }, language.slice(0, 20));
}

/** A button that puts `text` on the clipboard and says so. */
export function copyButton(text) {
  const button = iconButton(icon("copy"), "Copy", () => copy(button, text));
  button.classList.add("code-copy");
  return button;
}

async function copy(button, text) {
  await navigator.clipboard?.writeText(text);
  button.replaceChildren(icon("check"));
  setTimeout(() => button.replaceChildren(icon("copy")), 1500);
}

/** Whether a file of this name holds a diff. */
export function isDiffName(name) {
  return /\.(diff|patch)$/i.test(name ?? "");
}

/** A unified diff, coloured by line, with the line numbers of both sides. */
export function diff(text) {
  const lines = text.replace(/\n$/, "").split("\n");
  const rows = [];
  const isWhole = lines.some((line) => HUNK.test(line));
  const at = isWhole ? { old: 0, fresh: 0, inHunk: false } : { old: NaN, fresh: NaN, inHunk: true };
  for (const line of lines.slice(0, MAX_LINES)) rows.push(diffRow(line, at));
  if (lines.length > MAX_LINES) rows.push(row("meta", "", "", `… ${lines.length - MAX_LINES} more lines in the file`));
  return el("div", { class: "diff", tabindex: 0, role: "group", "aria-label": "Diff" }, el("div", { class: "diff-lines" }, rows));
}

function diffRow(line, at) {
  const hunk = HUNK.exec(line);
  if (hunk) {
    [at.old, at.fresh, at.inHunk] = [Number(hunk[1]), Number(hunk[2]), true];
    return row("hunk", "", "", line);
  }
  if (/^diff --git /.test(line)) at.inHunk = false;
  if (!at.inHunk) return headerRow(line);
  if (line.startsWith("+")) return row("add", "", at.fresh++, line);
  if (line.startsWith("-")) return row("del", at.old++, "", line);
  if (line.startsWith("\\")) return row("meta", "", "", line);
  return row("same", at.old++, at.fresh++, line);
}

function headerRow(line) {
  const file = /^diff --git a\/.* b\/(.*)$/.exec(line);
  if (file) return row("file", "", "", file[1]);
  return /^(index |--- |\+\+\+ )/.test(line) ? null : row("meta", "", "", line);
}

function row(kind, old, fresh, text) {
  return el(
    "div",
    { class: `diff-line diff-${kind}` },
    lineNumber(old),
    lineNumber(fresh),
    el("span", { class: "diff-text" }, text || " "),
  );
}

function lineNumber(number) {
  return el("span", { class: "diff-number", "data-n": Number.isNaN(number) ? "" : number });
}

/** How many lines a diff adds and removes. */
export function diffCounts(text) {
  const counts = { added: 0, removed: 0 };
  for (const line of text.split("\n")) {
    if (line.startsWith("+") && !line.startsWith("+++ ")) counts.added += 1;
    if (line.startsWith("-") && !line.startsWith("--- ")) counts.removed += 1;
  }
  return counts;
}
