/** What the page does when something new comes in: says it, and follows the answer to what was just asked. */

import { isRoot } from "./store.js";
import { announce } from "./status.js";
import { toast } from "./popups.js";

const WIDE = 1080;

/** A message came. The thread with the first answer to one's last request opens by itself where there is room. */
export function arrived(page, { channel, message }) {
  if (message.user !== page.store.me && channel === page.channel) announce(page, message);
  const root = page.store.messages.get(channel)?.get(message.thread_ts);
  const follows = page.following?.channel === channel && root && !isRoot(message) && root.ts > page.following.since;
  if (!follows || page.thread || channel !== page.channel || innerWidth < WIDE) return;
  page.following = null;
  page.openThread(root.ts, false);
}

/** An ephemeral message came; where it is not in sight, it is said at the edge of the page. */
export function whispered(page, { user, thread_ts: thread, message, channel }) {
  if (user !== page.store.me) return;
  announce(page, message);
  const isHidden = channel !== page.channel || (thread && thread !== page.thread);
  if (isHidden) toast(`Only for you, ${thread ? "in a thread" : `in #${page.store.channelName(channel)}`}: ${message.text}`);
}
