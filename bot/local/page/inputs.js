/** The fields of a form: drawing them and reading what was filled in. */

import { el } from "./dom.js";
import { icon } from "./icons.js";
import { choiceList, optionGroups, selectBox, textOf } from "./elements.js";

/** One labelled field with its hint and room for an error. */
export function inputBlock(block, ctx) {
  const error = ctx.errors?.[block.block_id];
  const id = `field-${block.block_id}`;
  const optional = block.optional && el("span", { class: "optional" }, "optional");
  const label = el("label", { class: "field-label", for: id, id: `${id}-label` }, textOf(block.label, ctx.names), optional);
  const notes = el("div", { id: `${id}-notes`, class: "field-notes" }, error && el("p", { class: "field-error" }, icon("alert"), error), block.hint && el("p", { class: "field-hint" }, textOf(block.hint, ctx.names)));
  const props = { id, "aria-describedby": `${id}-notes`, "aria-invalid": error ? "true" : null };
  const field = el("div", { class: "field-entry", "data-type": block.element.type }, drawField(block.element, props, ctx));
  return el("div", { class: `field ${error ? "field-wrong" : ""}`, "data-block": block.block_id }, label, field, notes);
}

function drawField(spec, props, ctx) {
  const common = { ...props, placeholder: spec.placeholder?.text, autofocus: spec.focus_on_load };
  switch (spec.type) {
    case "plain_text_input":
      return textField(spec, common);
    case "radio_buttons":
      return choiceList("radio", spec, { name: props.id, names: ctx.names });
    case "checkboxes":
      return choiceList("checkbox", spec, { name: props.id, names: ctx.names });
    default:
      return otherField(spec, common, ctx);
  }
}

function textField(spec, props) {
  const limits = { minlength: spec.min_length, maxlength: spec.max_length };
  if (spec.multiline) return el("textarea", { ...props, ...limits, rows: 5, class: "entry", value: spec.initial_value ?? "" });
  return el("input", { ...props, ...limits, type: "text", class: "entry", value: spec.initial_value ?? "", autocomplete: "off" });
}

const ENTRIES = { number_input: "number", email_text_input: "email", url_text_input: "url", datepicker: "date", timepicker: "time" };

function otherField(spec, props, ctx) {
  if (/^multi_/.test(spec.type)) return el("div", { class: "choice-box" }, choiceList("checkbox", spec, { name: props.id, names: ctx.names }));
  if (/_select$/.test(spec.type)) return el("span", { class: "select wide" }, selectBox(spec, ctx.names, props), icon("chevron"));
  const type = ENTRIES[spec.type];
  if (!type) return el("p", { class: "unsupported" }, `This page has no field of type “${spec.type}”.`);
  const value = spec.initial_value ?? spec.initial_date ?? spec.initial_time ?? "";
  const step = spec.type === "number_input" && spec.is_decimal_allowed ? "any" : null;
  return el("input", { ...props, type, class: "entry", value, step, min: spec.min_value, max: spec.max_value });
}

/** What was filled in: {block: {action: {type, value | selected_…}}}. */
export function readForm(form, blocks, names) {
  const values = {};
  for (const block of blocks.filter(({ type }) => type === "input")) {
    const field = [...form.querySelectorAll("[data-block]")].find((node) => node.dataset.block === block.block_id);
    if (field) values[block.block_id] = { [block.element.action_id]: readField(field, block.element, names) };
  }
  return values;
}

function readField(field, spec, names) {
  const { type } = spec;
  const typed = field.querySelector("input, textarea, select")?.value || null;
  const options = optionGroups(spec, names).flatMap((group) => group.options);
  const ticked = [...field.querySelectorAll("input:checked")].map((input) => input.value);
  const picked = options.filter((option) => ticked.includes(option.value));
  if (type === "checkboxes" || type === "multi_static_select") return { type, selected_options: picked };
  if (type === "radio_buttons") return { type, selected_option: picked[0] ?? null };
  if (type === "static_select" || type === "external_select") return { type, selected_option: options.find((option) => option.value === typed) ?? null };
  return { type, [KEYS[type] ?? "value"]: /^multi_/.test(type) ? ticked : typed };
}

const KEYS = {
  users_select: "selected_user",
  channels_select: "selected_channel",
  conversations_select: "selected_conversation",
  multi_users_select: "selected_users",
  multi_channels_select: "selected_channels",
  multi_conversations_select: "selected_conversations",
  datepicker: "selected_date",
  timepicker: "selected_time",
};
