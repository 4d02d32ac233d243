/** A scrolling list of messages that is changed in place: of a channel, or of a thread. */

import { el, morph } from "./dom.js";
import { icon } from "./icons.js";
import { continues, messageRow, rowKey, signature } from "./message.js";
import { day } from "./people.js";

const NEAR_END = 80;
const STEP = 150;
const MARGIN = 12;

export class Timeline {
  #list = el("div", { class: "timeline-list" });
  #pill = el("button", { type: "button", class: "new-pill", hidden: true, onclick: () => this.toEnd("smooth") });
  #signatures = new Map();
  #identity = null;
  #shown = STEP;
  #fresh = 0;
  #atEnd = true;
  #top = 0;
  #fromEnd = null;
  #newFrom = null;

  constructor(page, label) {
    this.page = page;
    this.scroller = el("div", { class: "timeline", tabindex: 0, role: "log", "aria-live": "off", "aria-label": label }, this.#list);
    this.node = el("div", { class: "timeline-frame" }, this.scroller, this.#pill);
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.scroller.addEventListener("keydown", (event) => this.#key(event));
    const observer = new ResizeObserver(() => this.#atEnd && this.toEnd());
    observer.observe(this.#list);
    observer.observe(this.scroller);
  }

  /** Whether the newest message is in sight, at least its first lines. */
  get seesLast() {
    const last = this.#list.lastElementChild?.offsetTop ?? 0;
    return this.#atEnd || last < this.scroller.scrollTop + this.scroller.clientHeight - NEAR_END;
  }

  /** Shows messages. `identity` names the list: another one starts at its end. `before` stands above it. */
  show(identity, messages, { inThread, before }) {
    const switched = identity !== this.#identity;
    if (switched) this.#switchTo(identity, messages, inThread);
    const grown = switched ? 0 : this.#countNew(messages);
    const visible = messages.slice(-this.#shown);
    morph(this.#list, [this.#earlier(messages.length), before, ...this.#rows(visible, inThread)]);
    if (this.#fromEnd !== null) this.#stay();
    else if (switched) this.#toStart();
    else if (this.#atEnd) this.toEnd();
    else this.#announce(grown);
  }

  #stay() {
    this.scroller.scrollTop = this.scroller.scrollHeight - this.#fromEnd;
    this.#fromEnd = null;
  }

  #switchTo(identity, messages, inThread) {
    Object.assign(this, { known: new Set(messages.map(rowKey)) });
    this.#identity = identity;
    this.#signatures.clear();
    this.#shown = STEP;
    this.#fresh = 0;
    const firstNew = messages.find((message) => !message.ephemeral && (!inThread || message.thread_ts) && this.page.isUnread(message));
    this.#newFrom = firstNew?.ts ?? null;
    this.#list.replaceChildren();
  }

  #countNew(messages) {
    const others = messages.filter((message) => !this.known.has(rowKey(message)) && message.user !== this.page.store.me);
    this.known = new Set(messages.map(rowKey));
    return others.length;
  }

  #rows(messages, inThread) {
    const drawn = new Map([...this.#list.children].map((node) => [node.key, node]));
    return messages.flatMap((message, index) => {
      const before = messages[index - 1];
      return [...this.#dividers(message, before, inThread), this.#row(message, before, { inThread, drawn })];
    });
  }

  #row(message, before, { inThread, drawn }) {
    const isFirstReply = inThread && before?.ts === message.thread_ts;
    const grouped = continues(message, before) && day(before.ts) === day(message.ts) && !isFirstReply && message.ts !== this.#newFrom;
    const place = { inThread, grouped, isNew: message.ts === this.#newFrom };
    const key = rowKey(message);
    const sign = signature(message, this.page, place);
    const kept = drawn.get(key);
    if (kept && this.#signatures.get(key) === sign) return kept;
    this.#signatures.set(key, sign);
    return messageRow(message, this.page, place);
  }

  #dividers(message, before, inThread) {
    const dividers = [];
    if (!inThread && (!before || day(before.ts) !== day(message.ts))) dividers.push(divider(`day-${day(message.ts)}`, day(message.ts), "day"));
    if (inThread && before?.ts === message.thread_ts) dividers.push(divider("replies", this.page.repliesWords(message.thread_ts), "replies"));
    if (message.ts === this.#newFrom) dividers.push(divider("new", "New", "new"));
    return dividers;
  }

  #earlier(count) {
    if (count <= this.#shown) return null;
    const more = () => {
      this.#shown += STEP;
      this.#fromEnd = this.scroller.scrollHeight - this.scroller.scrollTop;
      this.page.render();
    };
    return el("button", { type: "button", class: "earlier", key: "earlier", onclick: more }, `Show earlier messages (${count - this.#shown})`);
  }

  #announce(grown) {
    this.#fresh += grown;
    this.#pill.hidden = this.#fresh === 0;
    this.#pill.replaceChildren(icon("down"), `${this.#fresh} new ${this.#fresh === 1 ? "message" : "messages"}`);
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const hadMore = !this.#atEnd || this.#fresh > 0;
    const wentUp = scrollTop < this.#top;
    this.#top = scrollTop;
    if (scrollHeight - scrollTop - clientHeight < NEAR_END) this.#atEnd = true;
    else if (wentUp) this.#atEnd = false;
    if (!this.#atEnd) return;
    this.#fresh = 0;
    this.#pill.hidden = true;
    if (hadMore) this.page.render();
  }

  /** Scrolls to the newest message; of one that is taller than the pane to its first line, and never upwards. */
  toEnd(behavior = "instant") {
    this.#atEnd = true;
    const last = this.#list.lastElementChild?.offsetTop ?? 0;
    const end = this.scroller.scrollHeight - this.scroller.clientHeight;
    this.scroller.scrollTo({ top: Math.max(this.scroller.scrollTop, Math.min(end, last - MARGIN)), behavior });
  }

  /** Scrolls to what is new, or to the end. */
  #toStart() {
    this.scroller.scrollTop = 0;
    this.#top = 0;
    const mark = this.#list.querySelector(".divider-new");
    if (!mark) return this.toEnd();
    this.scroller.scrollTop = mark.offsetTop - MARGIN * 4;
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  /** The row of a message, if it is drawn. */
  rowOf(message) {
    return [...this.#list.children].find((node) => node.key === rowKey(message));
  }

  #key(event) {
    const rows = [...this.#list.querySelectorAll("article")];
    const at = rows.indexOf(document.activeElement);
    if (event.key === "ArrowUp" || event.key === "ArrowDown") this.#move(event, rows, at);
    else if (at >= 0 && !event.ctrlKey && !event.metaKey && !event.altKey) this.#rowKey(event, rows[at].dataset.ts);
  }

  #move(event, rows, at) {
    if (at < 0 && event.target !== this.scroller) return;
    event.preventDefault();
    const next = event.key === "ArrowUp" ? (at < 0 ? rows.length : at) - 1 : at + 1;
    rows[Math.max(0, Math.min(rows.length - 1, next))]?.focus();
  }

  #rowKey(event, ts) {
    const message = this.page.find(ts);
    const own = message?.user === this.page.store.me;
    if (!message) return;
    if (event.key === "Enter" || event.key === "t") this.page.openThread(this.page.threadOf(message));
    else if (event.key === "e" && own) this.page.edit(ts);
    else return;
    event.preventDefault();
  }
}

function divider(key, text, kind) {
  return el("div", { class: `divider divider-${kind}`, role: "separator", key }, el("span", null, text));
}
