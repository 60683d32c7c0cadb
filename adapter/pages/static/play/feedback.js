// "Not right?": a person says what is, and the server keeps the picture with it.

import { ask } from "../shared/api.js";
import { find, say, setText } from "../shared/dom.js";

/**
 * The correction below an answer, where the server keeps them (*isOn*); where it tells of its
 * models (*hasModels*), all their labels are suggested.
 *
 * *current()* gives {answer, picture, labels}: what is shown, its data URL, what the model can say.
 */
export function createFeedback({ texts, language, isOn, hasModels, current, failed }) {
  let sent = null; // the answer that was corrected

  function show() {
    const { answer } = current();
    const isPossible = isOn && answer?.model && answer.label !== "null";
    find("feedback").hidden = !isPossible;
    if (!isPossible || answer !== sent) setText(find("thanks"), "");
    if (!isPossible) close();
  }

  async function suggest() {
    const { answer, labels } = current();
    const offer = (known) => find("right-labels").replaceChildren(...known.map((label) => new Option(label)));
    offer(labels ?? (answer.predictions ?? []).map(({ label }) => String(label)));
    if (labels || !hasModels) return;
    const { answer: model } = await ask(`api/models/${encodeURIComponent(answer.model.name)}`, { language: language() });
    if (model?.class_labels?.length) offer(model.class_labels);
  }

  function open() {
    suggest();
    find("right-label").value = "";
    find("correction").hidden = false;
    find("wrong").setAttribute("aria-expanded", "true");
    find("right-label").focus();
  }

  function close() {
    find("correction").hidden = true;
    find("wrong").setAttribute("aria-expanded", "false");
  }

  async function send() {
    const { answer, picture } = current();
    const { name, version } = answer.model;
    const body = { label: find("right-label").value.trim(), base64_drawing: picture, model: name, version };
    const { problem } = await ask("api/feedback", { body, language: language() });
    if (problem) return failed(problem);
    sent = answer;
    close();
    say(find("thanks"), texts().thanks);
    return find("wrong").focus();
  }

  find("wrong").addEventListener("click", () => (find("correction").hidden ? open() : close()));
  find("correction").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation(); // it would clear the drawing
    close();
    find("wrong").focus();
  });
  find("correction").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  return { show };
}
