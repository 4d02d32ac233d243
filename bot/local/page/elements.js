/** What can be pressed or chosen inside a message or a form. */

import { el, link, webAddress } from "./dom.js";
import { icon } from "./icons.js";
import { inline, mrkdwn } from "./mrkdwn.js";
import { ask, openMenu } from "./popups.js";

/** A text object, as one run. */
export function textOf(object, names) {
  if (!object) return [];
  if (typeof object === "string") return [object];
  return object.type === "mrkdwn" ? inline(object.text, names) : plain(object.text);
}

function plain(text) {
  return text.split(/(\n)/).map((part) => (part === "\n" ? el("br") : part));
}

/** One element of a block; `ctx` has `names` and `press(block, element, more)`. */
export function element(spec, block, ctx) {
  const draw = DRAW[spec.type];
  return draw ? draw(spec, block, ctx) : el("span", { class: "unsupported" }, `[${spec.type}]`);
}

const DRAW = {
  button,
  overflow,
  static_select: select,
  external_select: select,
  users_select: select,
  channels_select: select,
  conversations_select: select,
  datepicker: (spec, block, ctx) => entry("date", spec.initial_date, "selected_date", { spec, block, ctx }),
  timepicker: (spec, block, ctx) => entry("time", spec.initial_time, "selected_time", { spec, block, ctx }),
  checkboxes: (spec, block, ctx) => choices("checkbox", { spec, block, ctx }),
  radio_buttons: (spec, block, ctx) => choices("radio", { spec, block, ctx }),
  image: (spec) => picture(spec, "small-picture"),
  plain_text: (spec, _block, ctx) => el("span", null, textOf(spec, ctx.names)),
  mrkdwn: (spec, _block, ctx) => el("span", null, mrkdwn(spec.text, ctx.names)),
};

function button(spec, block, ctx) {
  const label = textOf(spec.text, ctx.names);
  const props = { type: "button", class: `button ${spec.style ?? ""}`, "aria-label": spec.accessibility_label };
  const onclick = (event) => confirmed(spec, ctx, () => busy(event.target.closest("button"), ctx.press(block, spec, { value: spec.value })));
  const href = spec.url ? webAddress(spec.url) : null;
  if (!href) return el("button", { ...props, onclick }, label);
  const open = el("a", { class: `button ${spec.style ?? ""}`, href, target: "_blank", rel: "noopener noreferrer", title: href }, label);
  open.onclick = () => ctx.press(block, spec, { value: spec.value });
  return open;
}

async function busy(node, work) {
  node.classList.add("busy");
  node.disabled = true;
  await work;
  node.classList.remove("busy");
  node.disabled = false;
}

async function confirmed(spec, ctx, run) {
  if (spec.confirm && !(await ask(question(spec.confirm, ctx)))) return false;
  run();
  return true;
}

function question(confirm, ctx) {
  return {
    title: confirm.title.text,
    text: textOf(confirm.text, ctx.names),
    confirm: confirm.confirm.text,
    deny: confirm.deny.text,
    danger: confirm.style === "danger",
  };
}

function overflow(spec, block, ctx) {
  const items = spec.options.map((option) => ({
    label: option.text.text,
    detail: option.description?.text,
    run: () => confirmed(spec, ctx, () => chosen(option, { spec, block, ctx })),
  }));
  const onclick = (event) => openMenu(event.currentTarget, items);
  return el("button", { type: "button", class: "button more", "aria-label": "More", "aria-haspopup": "menu", onclick }, icon("more"));
}

function chosen(option, { spec, block, ctx }) {
  if (option.url && webAddress(option.url)) window.open(webAddress(option.url), "_blank", "noopener");
  ctx.press(block, spec, { selected: option.value });
}

function select(spec, block, ctx) {
  const onchange = async (event) => {
    const node = event.currentTarget;
    const before = node.dataset.before ?? "";
    const sent = await confirmed(spec, ctx, () => ctx.press(block, spec, { selected: node.value }));
    if (sent) node.dataset.before = node.value;
    else node.value = before;
  };
  return el("span", { class: "select" }, selectBox(spec, ctx.names, { onchange, "aria-label": spec.placeholder?.text }), icon("chevron"));
}

/** The drop-down of a select element, with its options from the spec or the workspace. */
export function selectBox(spec, names, props) {
  const initial = initialValue(spec);
  const empty = el("option", { value: "", selected: !initial, disabled: true }, spec.placeholder?.text ?? "Choose…");
  const node = el("select", props, empty, optionGroups(spec, names).map((group) => optgroup(group, initial)));
  node.dataset.before = initial ?? "";
  return node;
}

function optgroup({ label, options }, initial) {
  const nodes = options.map((option) => el("option", { value: option.value, selected: option.value === initial }, option.text.text));
  return label ? el("optgroup", { label: label.text }, nodes) : nodes;
}

function initialValue(spec) {
  return spec.initial_option?.value ?? spec.initial_user ?? spec.initial_channel ?? spec.initial_conversation;
}

/** The options of a select element in groups; those of people and channels come from the workspace. */
export function optionGroups(spec, names) {
  if (spec.option_groups) return spec.option_groups;
  if (/users_select$/.test(spec.type)) return [{ options: [...names.users.values()].map((user) => asOption(user.id, user.real_name)) }];
  if (/(channels|conversations)_select$/.test(spec.type)) return [{ options: names.visible().map((channel) => asOption(channel.id, `#${names.channelName(channel.id)}`)) }];
  return [{ options: spec.options ?? [] }];
}

function asOption(value, text) {
  return { value, text: { type: "plain_text", text } };
}

function entry(type, value, key, { spec, block, ctx }) {
  const onchange = (event) => ctx.press(block, spec, { [key]: event.currentTarget.value });
  return el("input", { type, class: "entry", value, onchange, "aria-label": spec.placeholder?.text ?? type });
}

function choices(kind, { spec, block, ctx }) {
  const node = choiceList(kind, spec, { name: `${block.block_id}-${spec.action_id}`, names: ctx.names });
  node.onchange = () => {
    const picked = [...node.querySelectorAll("input:checked")].map((input) => input.value);
    ctx.press(block, spec, { selected: kind === "radio" ? picked[0] : picked });
  };
  return node;
}

/** Radio buttons or checkboxes, one line each. */
export function choiceList(kind, spec, { name, names }) {
  const initial = new Set([...(spec.initial_options ?? []), spec.initial_option].filter(Boolean).map((option) => option.value));
  const lines = optionGroups(spec, names).flatMap((group) => group.options.map((option) => choice(kind, option, { name, names, initial })));
  return el("div", { class: "choices", role: kind === "radio" ? "radiogroup" : "group" }, lines);
}

function choice(kind, option, { name, names, initial }) {
  const box = el("input", { type: kind, name, value: option.value, checked: initial.has(option.value) });
  const text = el("span", null, textOf(option.text, names), option.description && el("small", null, textOf(option.description, names)));
  return el("label", { class: "choice" }, box, text);
}

/** A picture of our own origin; one from elsewhere is linked, because the page loads nothing foreign. */
export function picture({ image_url: url, slack_file: file, alt_text: alt }, className) {
  const href = webAddress(url ?? file?.url ?? (file?.id ? `/page/file/${file.id}` : ""));
  if (href && new URL(href).origin === location.origin) return el("img", { class: className, src: href, alt, loading: "lazy" });
  return href ? link(href, `🖼 ${alt}`) : el("span", { class: "unsupported" }, alt);
}
