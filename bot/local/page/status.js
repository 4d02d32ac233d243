/** What is told about the page's state: the connection, the title, words for screen readers. */

import { plainText } from "./message.js";

const SURELY_GONE = 6;

/** Shows that the connection is lost, and hides it again. */
export function showConnection(status, failures) {
  const bar = document.getElementById("connection");
  bar.hidden = status === "open";
  if (bar.hidden) return;
  const gone = failures >= SURELY_GONE;
  bar.textContent = gone
    ? "No connection. Is the program still running? If it was started anew, open the address that it printed."
    : "Connection lost. Trying again…";
}

/** The title names the channel and counts what is unread. */
export function showTitle(page) {
  const { store } = page;
  const calls = store.visible().reduce((sum, channel) => sum + store.unread(channel).calls, 0);
  const some = store.visible().some((channel) => store.unread(channel).count > 0);
  const mark = calls ? `(${calls}) ` : some ? "• " : "";
  const sign = store.channels.get(page.channel)?.is_im ? "" : "#";
  document.title = `${mark}${sign}${store.channelName(page.channel)} · ${store.team}`;
}

/** Says a new message to screen readers. */
export function announce(page, message) {
  const author = page.store.author(message).real_name;
  document.getElementById("announcer").textContent = `${author}: ${plainText(message.text, page.store)}`.slice(0, 300);
}
