/** Blocks of a message or form to elements. */

import { el, link } from "./dom.js";
import { icon } from "./icons.js";
import { element, picture, textOf } from "./elements.js";
import { inputBlock } from "./inputs.js";
import { markdown } from "./markdown.js";
import { mrkdwn } from "./mrkdwn.js";
import { richText } from "./richtext.js";

/** The elements of a list of blocks; `ctx` has `names` and `press`. */
export function renderBlocks(blocks, ctx) {
  return blocks.map((block, index) => renderBlock(block, ctx, index));
}

function renderBlock(block, ctx, index) {
  const draw = DRAW[block.type] ?? unknown;
  const node = draw(block, ctx);
  node.key = block.type === "input" ? `${block.block_id}/${block.element.action_id}` : `${index}-${block.type}`;
  return node;
}

const DRAW = {
  section,
  context,
  actions,
  table,
  alert,
  plan,
  task_card: taskCard,
  input: inputBlock,
  divider: () => el("hr", { class: "block-divider" }),
  header: (block, ctx) => el("h3", { class: "block-header" }, textOf(block.text, ctx.names)),
  markdown: (block, ctx) => el("div", { class: "prose" }, markdown(block.text, ctx.names)),
  rich_text: (block, ctx) => el("div", { class: "prose" }, richText(block, ctx.names)),
  image: imageBlock,
  file: (block) => el("p", { class: "unsupported" }, `File ${block.external_id ?? ""}`),
};

function unknown(block) {
  return el("p", { class: "unsupported" }, `This page cannot show a block of type “${block.type}”.`);
}

function section(block, ctx) {
  const text = block.text && el("div", { class: "prose" }, sectionText(block.text, ctx));
  const fields = block.fields && el("div", { class: "fields" }, block.fields.map((field) => el("div", { class: "prose" }, sectionText(field, ctx))));
  const accessory = block.accessory && el("div", { class: "accessory" }, element(block.accessory, block, ctx));
  return el("div", { class: "block-section" }, el("div", { class: "section-main" }, text, fields), accessory);
}

function sectionText(object, ctx) {
  return object.type === "mrkdwn" ? mrkdwn(object.text, ctx.names) : el("p", null, textOf(object, ctx.names));
}

function context(block, ctx) {
  const parts = block.elements.map((part) => (part.type === "image" ? picture(part, "context-picture") : el("span", null, textOf(part, ctx.names))));
  return el("div", { class: "block-context" }, parts);
}

function actions(block, ctx) {
  return el("div", { class: "block-actions" }, block.elements.map((spec) => keyed(element(spec, block, ctx), spec.action_id)));
}

function keyed(node, key) {
  node.key = key;
  return node;
}

function imageBlock(block, ctx) {
  const title = block.title && el("figcaption", null, textOf(block.title, ctx.names));
  return el("figure", { class: "block-image" }, title, picture(block, "picture"));
}

function alert(block, ctx) {
  const level = block.level ?? "default";
  return el("div", { class: `block-alert alert-${level}` }, icon(level === "success" ? "check" : "alert"), el("span", null, textOf(block.text, ctx.names)));
}

const STATUS = { pending: "Not started", in_progress: "In progress", complete: "Done", error: "Failed" };

function plan(block, ctx) {
  const tasks = block.tasks ?? [];
  const done = tasks.filter((task) => task.status === "complete").length;
  const count = tasks.length > 1 && el("span", { class: "plan-count" }, `${done} / ${tasks.length}`);
  const head = el("summary", null, el("span", { class: "plan-title" }, block.title), count, icon("chevron"));
  return el("details", { class: `plan plan-${planState(tasks)}`, open: true }, head, el("div", { class: "plan-tasks" }, tasks.map((task) => keyed(taskCard(task, ctx), task.task_id))));
}

function planState(tasks) {
  if (tasks.some((task) => task.status === "error")) return "error";
  if (tasks.some((task) => task.status === "in_progress")) return "in_progress";
  return tasks.length > 0 && tasks.every((task) => task.status === "complete") ? "complete" : "pending";
}

function taskCard(task, ctx) {
  const status = STATUS[task.status] ? task.status : "pending";
  const mark = el("span", { class: `status status-${status}`, role: "img", "aria-label": STATUS[status] }, statusIcon(status));
  const sources = (task.sources ?? []).map((source) => el("li", null, link(source.url, source.text)));
  const body = el(
    "div",
    { class: "task-body" },
    el("div", { class: "task-title" }, task.title),
    task.details && el("div", { class: "prose task-details" }, richText(task.details, ctx.names)),
    task.output && el("div", { class: "prose task-output" }, richText(task.output, ctx.names)),
    sources.length > 0 && el("ul", { class: "task-sources" }, sources),
  );
  return el("div", { class: `task task-${status}` }, mark, body);
}

function statusIcon(status) {
  if (status === "complete") return icon("check");
  return status === "error" ? icon("close") : null;
}

function table(block, ctx) {
  const settings = block.column_settings ?? [];
  const cell = (tag, value, column) => el(tag, { class: `align-${settings[column]?.align ?? "left"}` }, cellText(value, ctx));
  const [head, ...rows] = block.rows;
  const line = (tag, cells) => el("tr", null, cells.map((value, column) => cell(tag, value, column)));
  const whole = el("table", null, el("thead", null, line("th", head)), el("tbody", null, rows.map((cells) => line("td", cells))));
  return el("div", { class: "prose" }, el("div", { class: "table", tabindex: 0 }, whole));
}

function cellText(value, ctx) {
  if (value?.type === "rich_text") return richText(value, ctx.names);
  return value?.text ?? value?.number ?? String(value?.value ?? "");
}
