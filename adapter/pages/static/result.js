// What the model answered, on the page: the big digit, its score, ten bars, model and latency.
// Knows neither requests nor drawing; page.js hands it answers and texts.

import { DIGITS, REST } from "./digits.js";

const UNSURE = 0.6; // below this score the runner-up is named too
const LABELS = Object.keys(DIGITS);

/**
 * The result's part of the page.
 *
 * *find* returns an element by its id; *texts* returns the texts of the current language,
 * and *percent* writes a score from 0 to 1 in it.
 */
export function createResult({ find, texts, percent }) {
  const bars = new Map(LABELS.map((label) => [label, createBar(label)]));
  find("bars").append(...[...bars.values()].map((bar) => bar.item));
  let shown = null; // {answer, latencyMs}
  let isWaiting = true; // nothing is drawn

  function showDigit(label) {
    const glyph = find("glyph");
    if (find("label").textContent === label && glyph.hasAttribute("d")) return;
    find("label").textContent = label;
    glyph.setAttribute("d", DIGITS[label] ?? REST);
    glyph.classList.remove("drawn");
    glyph.getBoundingClientRect(); // lets the animation start again
    glyph.classList.add("drawn");
  }

  function showBars(predictions, winner) {
    const scores = new Map(predictions.map(({ label, score }) => [String(label), score]));
    for (const [label, bar] of bars) {
      setBar(bar, scores.get(label) ?? 0, label === winner, percent);
    }
  }

  function showEmpty() {
    showDigit("");
    showBars([], "");
    find("score").textContent = "";
    find("maybe").textContent = "";
    find("verdict").textContent = isWaiting ? texts().waiting : texts().reading;
  }

  function showAnswer({ answer, latencyMs }) {
    const label = String(answer.label);
    const second = answer.predictions.find((each) => String(each.label) !== label);
    showDigit(label);
    showBars(answer.predictions, label);
    find("glyph").style.setProperty("--sureness", String(answer.score));
    find("score").textContent = percent(answer.score);
    find("verdict").textContent = texts().sure;
    find("maybe").textContent = second && answer.score < UNSURE ? texts().maybe(second.label) : "";
    find("version").textContent = texts().version(answer.model?.name ?? "?", answer.model?.version ?? "?");
    find("latency").textContent = texts().latency(Math.round(latencyMs));
  }

  const refresh = () => {
    find("result").classList.toggle("empty", !shown);
    find("result").classList.toggle("reading", !shown && !isWaiting);
    if (shown) showAnswer(shown);
    else showEmpty();
  };

  refresh();
  return {
    /** Show an answer and how long it took. */
    show(answer, latencyMs) {
      shown = { answer, latencyMs };
      refresh();
    },
    /** Something is drawn and the first answer is on its way. */
    expect() {
      if (!isWaiting) return;
      isWaiting = false;
      refresh();
    },
    /** Nothing is drawn. */
    clear() {
      shown = null;
      isWaiting = true;
      refresh();
    },
    /** Write everything again, in another language. */
    refresh,
  };
}

function createBar(label) {
  const item = document.createElement("li");
  item.dataset.class = label;
  appendSpan(item, "name").textContent = label; // read first, shown last
  const fill = appendSpan(appendSpan(item, "track"), "fill");
  const value = appendSpan(fill, "value");
  return { item, value, fill };
}

function appendSpan(parent, className) {
  const span = document.createElement("span");
  span.className = className;
  parent.append(span);
  return span;
}

function setBar({ item, value, fill }, score, isWinner, percent) {
  item.dataset.score = String(score);
  item.classList.toggle("winner", isWinner);
  fill.style.setProperty("--score", String(score));
  value.textContent = score < 0.01 ? "" : percent(score);
}
