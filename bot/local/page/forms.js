/** The form (modal view) that is open for the acting person, as a dialog. */

import { el, iconButton, morph } from "./dom.js";
import { icon } from "./icons.js";
import { renderBlocks } from "./blocks.js";
import { readForm } from "./inputs.js";

export class Forms {
  #dialog = el("dialog", { class: "form", "aria-labelledby": "form-title" });
  #shown = null;
  #sending = false;

  /** `page` has `store` and `act(action)`, which resolves to whether the workspace accepted it. */
  constructor(page) {
    this.page = page;
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#close();
    });
    document.body.append(this.#dialog);
  }

  /** Shows the newest form of the acting person, or none. */
  render() {
    const { store } = this.page;
    const open = store.views.findLast(({ user }) => user === store.me);
    if (!open) this.#hide();
    else this.#show(open.view);
  }

  #hide() {
    this.#shown = null;
    this.#sending = false;
    if (this.#dialog.open) this.#dialog.close();
  }

  #show(view) {
    const errors = this.page.store.errors[view.id];
    const signature = JSON.stringify([view, errors, this.#sending]);
    if (this.#shown?.signature === signature) return;
    const isNew = this.#shown?.id !== view.id;
    const wentWrong = errors && errors !== this.#shown?.errors;
    this.#shown = { id: view.id, signature, errors };
    morph(this.#dialog, [this.#form(view, errors ?? {})]);
    if (!this.#dialog.open) this.#dialog.showModal();
    if (isNew) this.#dialog.querySelector("[autofocus], .field-entry :is(input, textarea, select)")?.focus();
    if (wentWrong) this.#dialog.querySelector(".field-wrong :is(input, textarea, select)")?.focus();
  }

  #form(view, errors) {
    const ctx = { names: this.page.store, errors, press: (block, spec, more) => this.#press(view, block, spec, more) };
    const form = el(
      "form",
      { novalidate: true, class: "form-body", onsubmit: (event) => this.#submit(event, view), onkeydown: submitOnKeys },
      el("header", null, el("h2", { id: "form-title" }, view.title?.text), iconButton(icon("close"), "Close", () => this.#close())),
      el("div", { class: "form-fields" }, renderBlocks(view.blocks ?? [], ctx)),
      this.#footer(view),
    );
    form.key = view.id;
    return form;
  }

  #footer(view) {
    const submit = view.submit && el("button", { class: `button primary ${this.#sending ? "busy" : ""}`, disabled: this.#sending }, view.submit.text);
    return el("footer", null, el("button", { type: "button", class: "button", onclick: () => this.#close() }, view.close?.text ?? "Cancel"), submit);
  }

  #press(view, block, spec, more) {
    return this.page.act({ do: "press", view_id: view.id, block_id: block.block_id, action_id: spec.action_id, ephemeral: false, ...more });
  }

  async #submit(event, view) {
    event.preventDefault();
    if (this.#sending) return;
    const values = readForm(event.currentTarget, view.blocks ?? [], this.page.store);
    const missing = missingFields(view, values);
    delete this.page.store.errors[view.id];
    if (missing) this.page.store.errors[view.id] = missing;
    this.#sending = !missing;
    this.render();
    if (missing) return;
    await this.page.act({ do: "submit", view_id: view.id, values });
    this.#sending = false;
    this.render();
  }

  #close() {
    const id = this.#shown?.id;
    if (id === undefined) return;
    this.page.store.apply({ type: "view_closed", view_id: id });
    this.page.act({ do: "close", view_id: id });
    this.render();
  }
}

function submitOnKeys(event) {
  if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) event.currentTarget.requestSubmit();
}

function missingFields(view, values) {
  const wrong = (view.blocks ?? []).filter((block) => block.type === "input" && !block.optional && isEmpty(values[block.block_id]?.[block.element.action_id]));
  if (wrong.length === 0) return null;
  return Object.fromEntries(wrong.map((block) => [block.block_id, "Please fill this in."]));
}

function isEmpty(state) {
  const value = Object.entries(state ?? {}).find(([key]) => key !== "type")?.[1];
  return value === null || value === undefined || value.length === 0;
}
