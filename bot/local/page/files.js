/** Files below a message: pictures, diffs and texts are shown, others can be downloaded. */

import { el } from "./dom.js";
import { icon } from "./icons.js";
import { copyButton, diff, diffCounts, isDiffName } from "./code.js";
import { fileSize } from "./people.js";
import { showPicture } from "./popups.js";

const MAX_PREVIEW = 400_000;
const PICTURES = /^image\/(png|jpeg|gif|webp|avif)$/;
const TEXTS = /^(text\/|application\/(json|xml|x-yaml|toml|javascript|x-sh))/;

/** All files of a message. */
export function renderFiles(files) {
  return el("div", { class: "files" }, files.map((file) => fileCard(file)));
}

function fileCard(file) {
  const address = file.url ?? `/page/file/${encodeURIComponent(file.id)}`;
  const node = drawFile(file, address);
  node.key = file.id;
  node.frozen = `${file.id}-${file.size}-${(file.preview ?? "").length}`;
  return node;
}

function drawFile(file, address) {
  if (PICTURES.test(file.mimetype)) return pictureCard(file, address);
  if (isDiffName(file.name) || TEXTS.test(file.mimetype ?? "")) return textCard(file, address);
  return el("div", { class: "file" }, fileHead(file, address));
}

function pictureCard(file, address) {
  const img = el("img", { src: address, alt: file.name, loading: "lazy" });
  return el("div", { class: "file-picture" }, el("button", { type: "button", title: file.name, onclick: () => showPicture(address, file.name) }, img));
}

function textCard(file, address) {
  const body = el("div", { class: "file-body" });
  const counts = el("span", { class: "counts" });
  const copyPlace = el("span", { class: "file-copy" });
  const details = el("details", { class: "file", open: true }, el("summary", null, fileHead(file, address, [counts, copyPlace]), icon("chevron")), body);
  fill({ file, address, body, counts, copyPlace });
  return details;
}

async function fill({ file, address, body, counts, copyPlace }) {
  const text = await readText(file, address);
  if (text === null) return;
  copyPlace.append(copyButton(text));
  if (isDiffName(file.name)) showDiff(text, body, counts);
  else body.append(el("pre", { tabindex: 0 }, el("code", null, text)));
  fold(body, text);
}

async function readText(file, address) {
  if (file.preview && (file.size === undefined || file.preview.length >= file.size)) return file.preview;
  if (file.size > MAX_PREVIEW) return file.preview ?? null;
  const answer = await fetch(address).catch(() => null);
  return answer?.ok ? answer.text() : (file.preview ?? null);
}

function showDiff(text, body, counts) {
  const { added, removed } = diffCounts(text);
  counts.append(el("span", { class: "plus" }, `+${added}`), " ", el("span", { class: "minus" }, `−${removed}`));
  body.append(diff(text));
}

function fold(body, text) {
  const lines = text.split("\n").length;
  if (lines <= 24) return;
  body.classList.add("folded");
  const more = el("button", { type: "button", class: "unfold", onclick: () => (body.classList.remove("folded"), more.remove()) }, `Show all ${lines} lines`);
  body.append(more);
}

function fileHead(file, address, extras = []) {
  const name = el("span", { class: "file-name", title: file.name }, file.name);
  const stop = (event) => event.stopPropagation();
  const get = el("a", { class: "icon-button", href: address, download: file.name, title: "Download", "aria-label": `Download ${file.name}`, onclick: stop }, icon("download"));
  return el("span", { class: "file-head" }, icon("file"), name, el("span", { class: "file-size" }, fileSize(file.size ?? 0)), extras, get);
}
