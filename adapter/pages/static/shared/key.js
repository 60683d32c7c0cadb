// Asks for a key, where the server wants one: a dialog, and the key for the rest of the visit.

import { useKey } from "./api.js";
import { find, make } from "./dom.js";

/**
 * A dialog {ask()}; *used()* is called once a key was given.
 *
 * ask() opens it, unless it is open or was closed without a key.
 */
export function createKeyDialog({ texts, used }) {
  const title = make("h2");
  const help = make("p");
  const label = make("span");
  const input = make("input");
  input.type = "password";
  input.autocomplete = "off";
  input.required = true;
  const send = make("button", "main");
  const form = make("form", "", title, help, make("label", "", label, input), send);
  form.method = "dialog";
  const dialog = make("dialog", "key-dialog", form);
  title.id = "key-title";
  dialog.setAttribute("aria-labelledby", "key-title");
  document.body.append(dialog);
  let isRefused = false;

  dialog.addEventListener("cancel", () => { isRefused = true; });
  form.addEventListener("submit", () => {
    useKey(input.value.trim());
    input.value = "";
    used();
  });
  return {
    ask() {
      if (dialog.open || isRefused) return;
      title.textContent = texts().keyTitle;
      help.textContent = texts().keyHelp;
      label.textContent = texts().keyLabel;
      send.textContent = texts().keySend;
      find("language").blur();
      dialog.showModal();
    },
    /** Ask again, even if that was refused before: a person wants it. */
    insist() {
      isRefused = false;
      this.ask();
    },
  };
}
