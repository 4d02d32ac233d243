/** Building and updating the page's elements. Text always goes in as text, never as HTML. */

const PROPERTIES = new Set(["key", "frozen", "value", "checked", "selected"]);
const HANDLERS = ["onclick", "onchange", "oninput", "onkeydown", "onsubmit", "onpointerdown"];
const OWN_STATE = { DETAILS: ["open"], DIALOG: ["open"], INPUT: ["value", "checked"], OPTION: ["selected"] };

/** An element with its properties, attributes and children; empty children are left out. */
export function el(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) assign(node, name, value);
  node.append(...children.flat(Infinity).filter(isShown));
  return node;
}

function isShown(child) {
  return child !== null && child !== undefined && child !== false && child !== "";
}

function assign(node, name, value) {
  if (!isShown(value) && value !== "") return;
  if (PROPERTIES.has(name) || name.startsWith("on")) node[name] = value;
  else if (name === "hue") node.style.setProperty("--hue", value);
  else node.setAttribute(name, value === true ? "" : value);
}

/** Makes the children of `parent` look like `fresh`, keeping the nodes that stay (focus, scroll, animation). */
export function morph(parent, fresh) {
  const wanted = fresh.flat(Infinity).filter(isShown).map(asNode);
  const keyed = dropStale(parent, new Set(wanted.map((node) => node.key)));
  let cursor = parent.firstChild;
  for (const node of wanted) {
    const match = findMatch(node, cursor, keyed);
    if (match === null) {
      parent.insertBefore(node, cursor);
      continue;
    }
    if (match === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(match, cursor);
    update(match, node);
  }
  removeFrom(cursor);
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

function dropStale(parent, keys) {
  const keyed = new Map();
  for (const child of [...parent.childNodes]) {
    if (child.key === undefined) continue;
    if (keys.has(child.key)) keyed.set(child.key, child);
    else child.remove();
  }
  return keyed;
}

function findMatch(node, cursor, keyed) {
  const found = node.key === undefined ? cursor : keyed.get(node.key);
  if (!found || found.key !== node.key || found.nodeName !== node.nodeName) return null;
  return found;
}

function removeFrom(node) {
  while (node) {
    const next = node.nextSibling;
    node.remove();
    node = next;
  }
}

function update(old, fresh) {
  if (old === fresh) return;
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (fresh.frozen !== undefined || old.frozen !== undefined) {
    if (old.frozen !== fresh.frozen) old.replaceWith(fresh);
    return;
  }
  copyAttributes(old, fresh);
  for (const name of HANDLERS) if (old[name] !== fresh[name]) old[name] = fresh[name];
  if (old.nodeName !== "TEXTAREA") morph(old, [...fresh.childNodes]);
}

function copyAttributes(old, fresh) {
  const own = OWN_STATE[old.nodeName] ?? [];
  for (const { name } of [...old.attributes]) {
    if (name !== "style" && !own.includes(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (name === "style" || own.includes(name)) continue;
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.style && old.style.cssText !== fresh.style.cssText) old.style.cssText = fresh.style.cssText;
}

/** The address if it is plain http(s), else null: nothing else may become a link. */
export function webAddress(text) {
  try {
    const url = new URL(text, location.origin);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

/** A link that opens outside; an address that is not http(s) stays plain text. */
export function link(address, ...children) {
  const href = webAddress(address);
  if (href === null) return el("span", null, ...children);
  return el("a", { href, target: "_blank", rel: "noopener noreferrer", title: address }, ...children);
}

/** A small button that shows only an icon. */
export function iconButton(picture, label, onclick, props) {
  const { class: more = "", ...rest } = props ?? {};
  return el("button", { type: "button", class: `icon-button ${more}`, title: label, "aria-label": label, onclick, ...rest }, picture);
}
