// What was answered, on the page: the headline, how sure it is, the details, model and latency.
// Knows neither requests nor pictures; each kind of answer has a view that it puts in place.
//
// A view is {headline, details} (elements), show(answer), empty(), verdict(answer) giving
// {score, text, maybe}, spoken(answer), and labels: all that it can say, null when unknown.

import { find } from "../shared/dom.js";

/** The result's part of the page; *texts* returns the texts of the current language. */
export function createResult({ texts, serviceTexts }) {
  let view = null;
  let shown = null; // {answer, latencyMs}
  let isWaiting = true; // there is no picture

  function showEmpty() {
    view.empty();
    find("label").textContent = "";
    showVerdict({ score: "", text: isWaiting ? serviceTexts().waiting : texts().reading, maybe: "" });
  }

  function showVerdict({ score, text, maybe }) {
    find("score").textContent = score;
    find("verdict").textContent = text;
    find("maybe").textContent = maybe;
  }

  function showAnswer({ answer, latencyMs }) {
    view.show(answer);
    find("label").textContent = String(answer.label);
    showVerdict(view.verdict(answer));
    const { name, version } = answer.model ?? {};
    find("version").textContent = name ? texts().version(name, version) : "";
    find("latency").textContent = texts().latency(Math.round(latencyMs));
  }

  function refresh() {
    find("result").classList.toggle("empty", !shown);
    find("result").classList.toggle("reading", !shown && !isWaiting);
    if (shown) showAnswer(shown);
    else showEmpty();
  }

  return {
    /** Put *next* in place, with nothing answered. */
    use(next, kind) {
      view = next;
      shown = null;
      isWaiting = true;
      find("result").dataset.view = kind;
      find("headline").replaceChildren(view.headline);
      find("details").replaceChildren(view.details);
      find("version").textContent = "";
      find("latency").textContent = "";
      refresh();
    },
    /** Show an answer and how long it took. */
    show(answer, latencyMs) {
      shown = { answer, latencyMs };
      refresh();
    },
    /** There is a picture and the first answer is on its way. */
    expect() {
      if (!isWaiting) return;
      isWaiting = false;
      refresh();
    },
    /** There is no picture. */
    clear() {
      shown = null;
      isWaiting = true;
      refresh();
    },
    answer: () => shown?.answer ?? null,
    spoken: (answer) => view.spoken(answer),
    labels: () => view.labels,
    /** Write everything again, in another language. */
    refresh,
  };
}
