/** What the page knows of the workspace, kept true by the events of the live connection. */

const EMPTY = { users: [], channels: [], messages: {}, commands: [], chips: [], shortcuts: [], banner: "", banner_warns: false, ephemerals: [], views: [], team: "", me: "" };

export class Store {
  users = new Map();
  channels = new Map();
  messages = new Map();
  ephemerals = [];
  views = [];
  reads = new Map();
  born = null;

  constructor() {
    Object.assign(this, { commands: [], chips: [], shortcuts: [], banner: "", banner_warns: false, team: "", me: "", errors: {} });
  }

  /** Takes one event; returns what the rest of the page may want to tell about it. */
  apply(event) {
    const take = {
      state: () => this.#state({ ...EMPTY, ...event }),
      message: () => this.#message(event),
      ephemeral: () => this.#ephemeral(event),
      view: () => this.#view(event),
      view_closed: () => (this.views = this.views.filter(({ view }) => view.id !== event.view_id)),
      view_errors: () => (this.errors = { ...this.errors, [event.view_id]: event.errors }),
      channel: () => this.channels.set(event.channel.id, event.channel),
    }[event.type];
    take?.();
  }

  #state(state) {
    for (const name of ["commands", "chips", "shortcuts", "banner", "banner_warns", "team"]) this[name] = state[name] ?? EMPTY[name];
    this.botId = state.bot_id;
    this.users = new Map(state.users.map((user) => [user.id, user]));
    this.channels = new Map(state.channels.map((channel) => [channel.id, channel]));
    this.messages = new Map(Object.entries(state.messages).map(([id, list]) => [id, byTime(list)]));
    this.me = this.users.has(this.me) ? this.me : state.me || state.users.find((user) => !user.is_bot)?.id;
    this.ephemerals = state.ephemerals.map((told) => this.#whispered(told));
    this.views = state.views;
    this.born ??= this.#newest();
  }

  #newest() {
    return [...this.messages.values()].flatMap((list) => [...list.keys()]).reduce(later, "0");
  }

  #message({ action, channel, message }) {
    const list = this.messages.get(channel) ?? new Map();
    this.messages.set(channel, list);
    if (action === "deleted" && !message.deleted) list.delete(message.ts);
    else list.set(message.ts, message);
    const last = [...list.keys()].at(-2);
    if (action === "posted" && last > message.ts) this.messages.set(channel, byTime([...list.values()]));
  }

  #ephemeral({ action, ...told }) {
    const others = this.ephemerals.filter((known) => known.ts !== told.message.ts);
    this.ephemerals = action === "deleted" ? others : [...others, this.#whispered(told)];
  }

  #whispered({ user, channel, thread_ts: thread, message }) {
    const author = message.user ?? this.bot()?.id;
    return { ...message, user: author, channel, thread_ts: thread ?? undefined, ephemeral: true, seenBy: user };
  }

  #view({ user, view }) {
    const known = this.views.findIndex((open) => open.view.id === view.id);
    if (known < 0) this.views = [...this.views, { user, view }];
    else this.views = this.views.with(known, { user, view });
    delete this.errors[view.id];
  }

  /** Hides one ephemeral message for good. */
  dismiss(ts) {
    this.ephemerals = this.ephemerals.filter((message) => message.ts !== ts);
  }

  /** The bot's own user. */
  bot() {
    return [...this.users.values()].find((user) => user.is_bot);
  }

  /** People who can be acted as. */
  people() {
    return [...this.users.values()].filter((user) => !user.is_bot);
  }

  /** The author of a message as a user, also when only a bot id is known. */
  author(message) {
    const user = this.users.get(message.user) ?? (message.bot_id ? this.bot() : undefined);
    const known = user ?? { id: message.user ?? message.bot_id ?? "?", name: "unknown", real_name: "Unknown", is_bot: Boolean(message.bot_id) };
    return message.username ? { ...known, real_name: message.username } : known;
  }

  /** The handle of a user, for a mention. */
  handle(id) {
    return this.users.get(id)?.name;
  }

  /** What people call a channel; a direct conversation has the other person's name. */
  channelName(id) {
    const channel = this.channels.get(id);
    if (!channel?.is_im) return channel?.name;
    return this.partner(channel)?.real_name ?? channel.name;
  }

  /** The other person of a direct conversation. */
  partner(channel) {
    const other = (channel.members ?? []).find((id) => id !== this.me && this.users.has(id));
    return this.users.get(other) ?? (channel.user && channel.user !== this.me ? this.users.get(channel.user) : this.bot());
  }

  /** The channels that somebody sees: public ones, and those that they are in. */
  visible(user = this.me) {
    const sees = (channel) => this.#isIn(channel, user) || !(channel.is_private || channel.is_im);
    return [...this.channels.values()].filter(sees);
  }

  #isIn(channel, user) {
    return channel.user === user || (channel.members ?? []).includes(user);
  }

  /** Root messages of a channel, oldest first, with what only the reader sees. */
  roots(channel) {
    return this.#list(channel, (message) => isRoot(message));
  }

  /** A thread: its root and replies, oldest first. */
  thread(channel, root) {
    return this.#list(channel, (message) => message.ts === root || message.thread_ts === root);
  }

  /** Replies of a thread that are kept (without ephemeral ones). */
  replies(channel, root) {
    return [...(this.messages.get(channel)?.values() ?? [])].filter((message) => message.thread_ts === root && message.ts !== root);
  }

  #list(channel, fits) {
    const kept = [...(this.messages.get(channel)?.values() ?? [])];
    const own = this.ephemerals.filter((message) => message.channel === channel && message.seenBy === this.me);
    return [...kept, ...own].filter(fits).sort((a, b) => Number(a.ts) - Number(b.ts));
  }

  /** Where a reader stopped reading in a channel or thread. */
  readUpTo(user, channel, thread = "") {
    return this.reads.get(`${user}|${channel}|${thread}`) ?? this.born ?? "0";
  }

  /** Marks everything up to `ts` as read; returns whether that changed anything. */
  markRead(channel, thread, ts) {
    if (!(ts > this.readUpTo(this.me, channel, thread))) return false;
    this.reads.set(`${this.me}|${channel}|${thread ?? ""}`, ts);
    return true;
  }

  /** Messages of a channel that `user` has not read, and how many of them call that person. */
  unread(channel, user = this.me) {
    const list = [...(this.messages.get(channel.id)?.values() ?? [])];
    const fresh = list.filter((message) => this.isUnread(channel.id, message, user) && this.#concerns(list, message, user));
    const calls = channel.is_im ? fresh : fresh.filter((message) => calling(message, user));
    return { count: fresh.length, calls: calls.length };
  }

  #concerns(list, message, user) {
    if (isRoot(message) || calling(message, user)) return true;
    const thread = list.filter((other) => other.ts === message.thread_ts || other.thread_ts === message.thread_ts);
    return thread.some((other) => other.user === user || (isRoot(other) && calling(other, user)));
  }

  /** Whether `user` has yet to read a message of somebody else. */
  isUnread(channel, message, user = this.me) {
    if (message.user === user || message.deleted) return false;
    const thread = isRoot(message) ? "" : message.thread_ts;
    return message.ts > this.readUpTo(user, channel, thread);
  }
}

/** Whether a message stands in the channel itself. */
export function isRoot(message) {
  return !message.thread_ts || message.thread_ts === message.ts;
}

function calling(message, user) {
  return `${message.text} ${JSON.stringify(message.blocks ?? "")}`.includes(user);
}

function byTime(list) {
  return new Map(list.toSorted((a, b) => Number(a.ts) - Number(b.ts)).map((message) => [message.ts, message]));
}

function later(a, b) {
  return a > b ? a : b;
}
