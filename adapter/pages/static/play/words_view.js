// Named things on the page: the best name, and a ranking of bars beside their names.

import { make } from "../shared/dom.js";

const UNSURE = 0.6;
const ROWS = 8;

/** The view of an answer with ranked labels; see result.js for what a view is. */
export function createWordsView({ texts, percent, rows: count = ROWS }) {
  const headline = make("p", "word");
  const details = make("ol", "ranking");
  const rows = Array.from({ length: count }, createRow);
  details.append(...rows.map(({ item }) => item));

  function showRows(predictions) {
    rows.forEach((row, i) => setRow(row, predictions[i], i === 0, percent));
    details.setAttribute("aria-label", texts().ranking);
  }

  return {
    headline,
    details,
    show(answer) {
      headline.textContent = String(answer.label);
      showRows(answer.predictions);
    },
    empty() {
      headline.textContent = "";
      showRows([]);
    },
    verdict(answer) {
      const second = answer.predictions[1];
      const isUnsure = second && answer.score < UNSURE;
      return { score: percent(answer.score), text: texts().sure, maybe: isUnsure ? texts().maybe(second.label) : "" };
    },
    spoken: (answer) => texts().spoken(String(answer.label), percent(answer.score)),
    labels: null,
  };
}

function createRow() {
  const name = make("span", "name");
  const value = make("span", "value");
  const fill = make("span", "fill");
  const item = make("li", "", name, make("span", "track", fill), value);
  return { item, name, value, fill };
}

function setRow({ item, name, value, fill }, prediction, isWinner, percent) {
  item.classList.toggle("winner", isWinner && Boolean(prediction));
  item.classList.toggle("blank", !prediction);
  name.textContent = prediction ? String(prediction.label) : "";
  name.title = name.textContent;
  value.textContent = prediction ? percent(prediction.score) : "";
  fill.style.setProperty("--score", String(Math.min(1, Math.max(0, prediction?.score ?? 0))));
}
