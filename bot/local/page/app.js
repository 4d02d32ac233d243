/** The page as a whole: what is open, what is done, and who draws it. */

import { Composer } from "./composer.js";
import { Forms } from "./forms.js";
import { Live } from "./live.js";
import { arrived, whispered } from "./arrivals.js";
import { showConnection, showTitle } from "./status.js";
import { drawChannelHead, drawThreadHead, welcome } from "./heads.js";
import { Sidebar } from "./sidebar.js";
import { Store } from "./store.js";
import { openSwitcher } from "./switcher.js";
import { applyTheme } from "./theme.js";
import { Timeline } from "./timeline.js";
import { toast } from "./popups.js";
import { sentence } from "./refusals.js";
import { listenToKeys, listenToDrops, listenToHistory, remember, recalled } from "./habits.js";

class Page {
  store = new Store();
  channel = null;
  thread = null;
  editing = null;
  following = null;
  #drawing = false;

  constructor() {
    this.store.go = (id) => this.go(id);
    this.live = new Live((event) => this.#take(event), showConnection);
    this.sidebar = new Sidebar(this);
    this.forms = new Forms(this);
    this.timeline = new Timeline(this, "Messages");
    this.threadTimeline = new Timeline(this, "Thread");
    this.composer = new Composer(this, () => this.channel && { channel: this.channel, thread: null }, false);
    this.threadComposer = new Composer(this, () => this.thread && { channel: this.channel, thread: this.thread }, true);
    this.main = document.getElementById("channel");
    this.side = document.getElementById("thread");
  }

  /** Wires the page together and connects. */
  start() {
    applyTheme();
    this.main.querySelector(".loading").remove();
    this.main.append(this.timeline.node, this.composer.node);
    this.side.append(this.threadTimeline.node, this.threadComposer.node);
    document.getElementById("scrim").onclick = () => this.drawer(false);
    document.addEventListener("visibilitychange", () => this.render());
    addEventListener("focus", () => this.render());
    listenToKeys(this);
    listenToDrops(this);
    listenToHistory(this);
    this.live.connect();
  }

  /** Draws everything soon; many calls make one drawing. */
  render() {
    if (this.#drawing) return;
    this.#drawing = true;
    setTimeout(() => {
      this.#drawing = false;
      this.#draw();
    });
  }

  #draw() {
    if (!this.channel) return;
    const { store } = this;
    drawChannelHead(this);
    const roots = store.roots(this.channel);
    this.timeline.show(`${store.me}|${this.channel}`, roots, { inThread: false, before: welcome(this, roots.length === 0) });
    this.composer.render();
    this.#drawThread();
    this.forms.render();
    if (this.#markRead()) this.render();
    this.sidebar.render();
    showTitle(this);
  }

  #drawThread() {
    this.side.hidden = !this.thread;
    document.body.classList.toggle("thread-open", Boolean(this.thread));
    if (!this.thread) return;
    drawThreadHead(this);
    const messages = this.store.thread(this.channel, this.thread);
    this.threadTimeline.show(`${this.store.me}|${this.channel}|${this.thread}`, messages, { inThread: true });
    this.threadComposer.render();
  }

  #markRead() {
    if (document.visibilityState !== "visible") return false;
    const last = (list) => list.filter((message) => !message.ephemeral).at(-1)?.ts ?? "0";
    const main = this.timeline.seesLast && this.store.markRead(this.channel, "", last(this.store.roots(this.channel)));
    const side = this.thread && this.threadTimeline.seesLast && this.store.markRead(this.channel, this.thread, last(this.store.thread(this.channel, this.thread)));
    return main || side;
  }

  #take(event) {
    this.store.apply(event);
    if (event.type === "state") this.#restore();
    if (event.type === "message" && event.action === "posted") arrived(this, event);
    if (event.type === "ephemeral" && event.action !== "deleted") whispered(this, event);
    this.render();
  }

  #restore() {
    const kept = recalled();
    if (this.store.users.has(kept.me)) this.store.me = kept.me;
    const visible = this.store.visible().filter((channel) => !channel.is_archived);
    const wanted = visible.find((channel) => channel.id === (this.channel ?? kept.channel));
    const open = wanted ?? visible.find((channel) => !channel.is_im) ?? visible[0];
    const thread = this.thread ?? kept.thread;
    this.channel = open?.id ?? null;
    const message = this.store.messages.get(this.channel)?.get(thread);
    this.thread = message ? this.threadOf(message) : null;
  }

  /** Does something as the acting person; resolves to whether it worked. Failures are shown. */
  async act(action) {
    try {
      await this.live.act({ as: this.store.me, ...action });
      return true;
    } catch (error) {
      if (error.message !== "view_errors") toast(sentence(error.message), "error");
      return false;
    }
  }

  /** Posts a text or gives a command; resolves to whether it was taken. */
  async post({ channel, thread }, text) {
    const newest = [...(this.store.messages.get(channel)?.keys() ?? [])].at(-1) ?? "0";
    if (!thread) this.following = { channel, since: newest };
    this.timeline.toEnd();
    return this.act({ do: "post", channel, thread_ts: thread, text });
  }

  /** Types an example task for the person and sends it. */
  runExample(text) {
    this.composer.fill(text);
    setTimeout(() => this.composer.send(), 350);
  }

  react(ts, name) {
    return this.act({ do: "react", channel: this.channel, ts, name });
  }

  dismiss({ channel, ts }) {
    this.store.dismiss(ts);
    this.act({ do: "dismiss", channel, ts });
    this.render();
  }

  /** Opens a message in place for changing; null closes it. */
  edit(ts) {
    this.editing = ts;
    this.render();
    if (ts === null) (this.thread ? this.threadComposer : this.composer).focus();
  }

  /** Edits the newest own message of the list; returns whether there is one. */
  editLast(inThread) {
    const list = inThread ? this.store.thread(this.channel, this.thread) : this.store.roots(this.channel);
    const own = list.findLast((message) => message.user === this.store.me && !message.deleted && !message.ephemeral);
    if (own) this.edit(own.ts);
    return Boolean(own);
  }

  /** Opens a channel. */
  go(channel) {
    if (!this.store.channels.has(channel)) return;
    if (channel !== this.channel) Object.assign(this, { channel, thread: null, editing: null });
    remember(this);
    this.drawer(false);
    this.render();
    if (innerWidth > 760) this.composer.focus();
  }

  /** Opens a thread beside the channel. */
  openThread(ts, takeFocus = true) {
    this.thread = ts;
    remember(this);
    this.#draw();
    if (takeFocus && innerWidth > 760) this.threadComposer.focus();
  }

  closeThread() {
    this.thread = null;
    remember(this);
    this.render();
    if (innerWidth > 760) this.composer.focus();
  }

  /** Goes on as another person. */
  actAs(user) {
    this.store.me = user;
    this.editing = null;
    if (!this.store.visible().some((channel) => channel.id === this.channel)) Object.assign(this, { channel: this.store.visible()[0]?.id ?? null, thread: null });
    remember(this);
    this.render();
  }

  /** Opens or closes the side on narrow screens. */
  drawer(isOpen) {
    document.body.classList.toggle("drawer-open", isOpen);
  }

  openSwitcher() {
    this.drawer(false);
    openSwitcher(this);
  }

  find(ts) {
    return this.store.messages.get(this.channel)?.get(ts);
  }

  threadOf(message) {
    return message.thread_ts ?? message.ts;
  }

  repliesWords(root) {
    const count = this.store.replies(this.channel, root).length;
    return `${count} ${count === 1 ? "reply" : "replies"}`;
  }

  isUnread(message) {
    return this.store.isUnread(this.channel, message);
  }

  rowOf(message) {
    return this.threadTimeline.rowOf(message) ?? this.timeline.rowOf(message);
  }
}

new Page().start();
