/** The live connection to the workspace: events come in, actions go out and are answered. */

const ANSWER_MS = 20_000;
const LONGEST_PAUSE_MS = 5_000;

export class Live {
  #socket = null;
  #waiting = new Map();
  #number = 0;
  #failures = 0;

  /** `onEvent` gets every event but replies; `onStatus` gets "open" or "lost" with the count of failed tries. */
  constructor(onEvent, onStatus) {
    this.onEvent = onEvent;
    this.onStatus = onStatus;
  }

  /** Connects, and again whenever the connection is lost. */
  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.#socket = new WebSocket(`${scheme}://${location.host}/page/live`);
    this.#socket.onopen = () => this.#opened();
    this.#socket.onmessage = (event) => this.#take(JSON.parse(event.data));
    this.#socket.onclose = () => this.#lost();
  }

  /** Sends one action; resolves with the reply, rejects with a sentence when it failed. */
  act(action) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error("Not connected. Nothing was sent."));
    const id = (this.#number += 1);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle({ id, ok: false, error: "No answer came. It may or may not have worked." }), ANSWER_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ ...action, id }));
    });
  }

  #opened() {
    this.#failures = 0;
    this.onStatus("open", 0);
  }

  #take(event) {
    if (event.type === "reply") this.#settle(event);
    else this.onEvent(event);
  }

  #settle(reply) {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    this.#waiting.delete(reply.id);
    clearTimeout(waiting.timer);
    if (reply.ok) waiting.resolve(reply);
    else waiting.reject(new Error(reply.error || "That did not work."));
  }

  #lost() {
    for (const id of [...this.#waiting.keys()]) this.#settle({ id, ok: false, error: "The connection dropped before an answer came." });
    this.#failures += 1;
    this.onStatus("lost", this.#failures);
    setTimeout(() => this.connect(), Math.min(400 * this.#failures, LONGEST_PAUSE_MS));
  }
}

/** Uploads files with a text. Throws an Error with a sentence when it failed. */
export async function upload({ as, channel, thread, text, files }) {
  const form = new FormData();
  form.set("as", as);
  form.set("channel", channel);
  if (thread) form.set("thread_ts", thread);
  form.set("text", text);
  for (const file of files) form.append("files", file, file.name);
  const response = await fetch("/page/upload", { method: "POST", body: form });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok || answer.ok === false) throw new Error(answer.error || `The upload failed (${response.status}).`);
}
