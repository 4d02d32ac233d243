/** Where people type: completion, files, drafts, example tasks. */

import { el, iconButton, morph } from "./dom.js";
import { icon } from "./icons.js";
import { commandIn, usageOf } from "./completion.js";
import { upload } from "./live.js";
import { Offer } from "./offer.js";
import { fileSize } from "./people.js";
import { toast } from "./popups.js";

const MAX_FILE = 50_000_000;
const TALLEST = 260;

export class Composer {
  #files = [];
  #drafts = new Map();
  #place = null;
  #sending = false;

  /** `where()` gives {channel, thread} or null; `page` is the application. */
  constructor(page, where, inThread) {
    Object.assign(this, { page, where, inThread });
    this.box = el("textarea", {
      rows: 1,
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#key(event),
    });
    this.offer = new Offer(this.box, page, inThread, () => this.#typed());
    this.#wire();
    this.node = this.#frame();
  }

  #wire() {
    this.box.addEventListener("focus", () => this.render());
    this.box.addEventListener("blur", () => {
      this.offer.close();
      setTimeout(() => this.render(), 120);
    });
    this.box.addEventListener("click", () => this.offer.look());
    this.box.addEventListener("paste", (event) => this.#paste(event));
  }

  #frame() {
    this.picker = el("input", { type: "file", multiple: true, hidden: true, onchange: () => this.#picks() });
    this.above = el("div", { class: "composer-above" });
    this.tray = el("div", { class: "tray" });
    this.sendButton = iconButton(icon("send"), "Send", () => this.send(), { class: "send" });
    const attach = iconButton(icon("clip"), "Attach files", () => this.picker.click());
    const row = el("div", { class: "composer-row" }, attach, this.box, this.sendButton, this.picker);
    return el("div", { class: "composer" }, this.offer.list, this.above, el("div", { class: "composer-box" }, this.tray, row));
  }

  focus() {
    this.box.focus({ preventScroll: true });
  }

  /** Puts text into the box, in place of what is there. */
  fill(text) {
    this.box.value = text;
    this.focus();
    this.#typed();
  }

  /** Draws what depends on the rest of the page. */
  render() {
    const where = this.where();
    if (!where) return;
    this.#keepDraft(`${this.page.store.me}|${where.channel}|${where.thread ?? ""}`);
    this.#name(where);
    this.#renderAbove();
    this.#renderTray();
    this.sendButton.disabled = this.#sending || !(this.box.value.trim() || this.#files.length);
  }

  #keepDraft(place) {
    if (place === this.#place) return;
    if (this.#place !== null) this.#drafts.set(this.#place, this.box.value);
    this.#place = place;
    this.#files = [];
    this.box.value = this.#drafts.get(place) ?? "";
    this.offer.close();
    this.#grow();
  }

  #name({ channel }) {
    const kind = this.page.store.channels.get(channel);
    const name = `${kind?.is_im ? "" : "#"}${this.page.store.channelName(channel) ?? ""}`;
    const label = this.inThread ? "Reply…" : `Message ${name}`;
    this.box.setAttribute("aria-label", label);
    if (this.box.placeholder !== label) this.box.placeholder = label;
    this.box.disabled = Boolean(kind?.is_archived);
  }

  #renderAbove() {
    morph(this.above, [this.#hint() ?? this.#chips()]);
  }

  #hint() {
    const text = this.box.value;
    if (!text.startsWith("/")) return null;
    if (this.inThread) return this.#threadHint(text);
    const usage = usageOf(text, this.page.store);
    if (!usage || this.offer.covers("Options")) return null;
    const whole = usage.usage?.startsWith("/") ? usage.usage : `${text.split(/\s/)[0]} ${usage.usage?.startsWith(usage.name) ? "" : `${usage.name} `}${usage.usage ?? ""}`;
    return el("div", { class: "hint", key: "hint" }, el("code", null, whole), usage.hint && el("span", null, usage.hint));
  }

  #threadHint(text) {
    const command = commandIn(text, this.page.store);
    if (!command) return null;
    const name = `@${this.page.store.bot()?.name ?? "agent"}`;
    const swap = () => this.fill(text.replace(command.command, name));
    const use = el("button", { type: "button", class: "text-button", onclick: swap }, `Use ${name} instead`);
    return el("div", { class: "hint", key: "thread-hint" }, el("span", null, "Slash commands do not work in threads."), use);
  }

  #chips() {
    const isFocused = document.activeElement === this.box;
    const { store } = this.page;
    const fits = !this.inThread && isFocused && !this.box.value && store.chips.length > 0 && store.roots(this.where().channel).length > 0;
    if (!fits) return null;
    return el("div", { class: "chips", key: "chips" }, store.chips.map((chip) => this.#chip(chip)));
  }

  #chip({ label, text }) {
    const button = el("button", { type: "button", class: "chip", title: text, onclick: () => this.page.runExample(text) }, icon("bolt"), label);
    button.onpointerdown = (event) => event.preventDefault();
    return button;
  }

  #renderTray() {
    const files = this.#files.map((file) => el("span", { class: "tray-file" }, icon("file"), el("span", null, file.name), el("small", null, fileSize(file.size)), iconButton(icon("close"), `Remove ${file.name}`, () => this.#drop(file))));
    morph(this.tray, files);
  }

  #drop(file) {
    this.#files = this.#files.filter((other) => other !== file);
    this.render();
  }

  #picks() {
    this.attach([...this.picker.files]);
    this.picker.value = "";
  }

  /** Adds files to what will be sent. */
  attach(files) {
    const fits = files.filter((file) => file.size <= MAX_FILE);
    if (fits.length < files.length) toast(`A file is larger than ${fileSize(MAX_FILE)} and was left out.`, "error");
    this.#files = [...this.#files, ...fits];
    this.render();
    this.focus();
  }

  #paste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    this.attach(files);
  }

  #typed() {
    this.#grow();
    this.offer.look();
    this.render();
  }

  #grow() {
    this.box.style.setProperty("height", "auto");
    this.box.style.setProperty("height", `${Math.min(this.box.scrollHeight, TALLEST)}px`);
  }

  #key(event) {
    if (event.isComposing) return;
    if (this.offer.takes(event) || this.#plainKey(event)) event.preventDefault();
  }

  #plainKey(event) {
    if (event.key === "Enter" && !event.shiftKey) {
      this.send();
      return true;
    }
    if (event.key === "ArrowUp" && !this.box.value) return this.page.editLast(this.inThread);
    return false;
  }

  /** Sends what is in the box; when that fails it comes back. */
  async send() {
    const text = this.box.value.trim();
    const files = this.#files;
    if (this.#sending || !(text || files.length)) return;
    const [where, place] = [this.where(), this.#place];
    this.#files = [];
    this.box.value = "";
    this.offer.close();
    this.#grow();
    this.#sending = files.length > 0;
    this.render();
    const sent = files.length ? await this.#upload(where, text, files) : await this.page.post(where, text);
    this.#sending = false;
    if (!sent) this.#giveBack(place, text, files);
    this.render();
  }

  async #upload(where, text, files) {
    try {
      await upload({ as: this.page.store.me, ...where, text, files });
      return true;
    } catch (error) {
      toast(error.message, "error");
      return false;
    }
  }

  #giveBack(place, text, files) {
    if (place !== this.#place) {
      this.#drafts.set(place, text);
      return;
    }
    this.#files = [...files, ...this.#files];
    this.box.value = [text, this.box.value].filter(Boolean).join("\n");
    this.#grow();
  }
}
