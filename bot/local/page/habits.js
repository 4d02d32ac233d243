/** Keys, dropped files and the address of the page. */

const KEPT_USER = "mab-acting-as";

/** Keys that work everywhere on the page. */
export function listenToKeys(page) {
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const isTyping = event.target.matches("input, textarea, select");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") page.openSwitcher();
    else if (event.altKey && /^Arrow(Up|Down)$/.test(event.key)) neighbour(page, event.key === "ArrowUp" ? -1 : 1);
    else if (event.key === "Escape") return escape(page);
    else if (event.key === "/" && !isTyping) startCommand(page);
    else return;
    event.preventDefault();
  });
}

function startCommand(page) {
  page.composer.focus();
  if (!page.composer.box.value) page.composer.fill("/");
}

function escape(page) {
  if (document.body.classList.contains("drawer-open")) page.drawer(false);
  else if (page.thread) page.closeThread();
}

function neighbour(page, step) {
  const ids = [...document.querySelectorAll(".room")].map((node) => node.key);
  const at = ids.indexOf(page.channel);
  page.go(ids[(at + step + ids.length) % ids.length]);
}

/** Files dropped on a pane are attached to its composer. */
export function listenToDrops(page) {
  for (const [pane, composer] of [[page.main, page.composer], [page.side, page.threadComposer]]) {
    pane.addEventListener("dragover", (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      pane.classList.add("dropping");
    });
    pane.addEventListener("dragleave", (event) => !pane.contains(event.relatedTarget) && pane.classList.remove("dropping"));
    pane.addEventListener("drop", (event) => {
      event.preventDefault();
      pane.classList.remove("dropping");
      composer.attach([...event.dataTransfer.files]);
    });
  }
}

/** Writes what is open into the address, and who acts into the tab. */
export function remember(page) {
  sessionStorage.setItem(KEPT_USER, page.store.me);
  const hash = `#${page.channel}${page.thread ? `/${page.thread}` : ""}`;
  if (location.hash !== hash) history.pushState(null, "", `${location.pathname}${hash}`);
}

/** What the address and the tab remember: {me, channel, thread}. */
export function recalled() {
  const [channel, thread] = location.hash.slice(1).split("/");
  if (location.search) history.replaceState(null, "", `${location.pathname}${location.hash}`);
  return { me: sessionStorage.getItem(KEPT_USER), channel: channel || null, thread: thread || null };
}

/** The browser's back and forward buttons open what was open. */
export function listenToHistory(page) {
  addEventListener("popstate", () => {
    const { channel, thread } = recalled();
    if (!page.store.channels.has(channel ?? page.channel)) return;
    Object.assign(page, { channel: channel ?? page.channel, thread, editing: null });
    page.render();
  });
}
