// Digits on the page: one glyph for each, and ten bars for the one that is looked at.

import { make } from "../shared/dom.js";
import { DIGITS } from "../shared/digits.js";
import { createGlyph } from "./glyph.js";

const UNSURE = 0.6; // below this score the runner-up is named too
const LABELS = Object.keys(DIGITS);

/** The view of an answer of the digits' service; see result.js for what a view is. */
export function createDigitsView({ texts, percent, overlay }) {
  const headline = make("div", "glyphs");
  const details = make("ol", "bars");
  const bars = new Map(LABELS.map((label) => [label, createBar(label)]));
  details.append(...[...bars.values()].map((bar) => bar.item));
  const glyphs = [createGlyph()];
  let digits = []; // {label, score, predictions, box}
  let chosen = 0;

  function showGlyphs() {
    while (glyphs.length < digits.length) glyphs.push(createGlyph());
    glyphs.length = Math.max(1, digits.length);
    glyphs.forEach((glyph, i) => glyph.show(digits[i]?.label ?? "", digits[i]?.score));
    const items = digits.length > 1 ? glyphs.map(toButton) : [glyphs[0].element];
    const hadFocus = headline.contains(document.activeElement);
    headline.replaceChildren(...items);
    headline.style.setProperty("--count", String(items.length));
    if (hadFocus) items[chosen]?.focus();
  }

  function toButton(glyph, i) {
    const { label, score } = digits[i];
    const button = make("button", "digit", glyph.element);
    button.type = "button";
    button.setAttribute("aria-label", texts().digitOf(i + 1, label, percent(score)));
    button.setAttribute("aria-pressed", String(i === chosen));
    button.addEventListener("click", () => {
      chosen = i;
      refresh();
    });
    return button;
  }

  function showBars() {
    const digit = digits[chosen];
    const scores = new Map((digit?.predictions ?? []).map(({ label, score }) => [String(label), score]));
    for (const [label, bar] of bars) {
      setBar(bar, scores.get(label) ?? 0, label === digit?.label, percent);
    }
  }

  function refresh() {
    details.setAttribute("aria-label", texts().bars);
    showGlyphs();
    showBars();
    overlay.showBoxes(digits.length > 1 ? digits.map(({ box }) => box) : [], chosen);
  }

  return {
    headline,
    details,
    show(answer) {
      digits = toDigits(answer);
      // The one to look at is the one that is least sure.
      const scores = digits.map(({ score }) => score);
      chosen = scores.indexOf(Math.min(...scores));
      refresh();
    },
    empty() {
      digits = [];
      chosen = 0;
      refresh();
    },
    verdict(answer) {
      const { label, predictions } = answer;
      const second = predictions.find((each) => String(each.label) !== String(label));
      const isUnsure = digits.length <= 1 && second && answer.score < UNSURE;
      return { score: percent(answer.score), text: texts().sure, maybe: isUnsure ? texts().maybe(second.label) : "" };
    },
    spoken: (answer) => texts().spoken(String(answer.label), percent(answer.score)),
    labels: LABELS,
  };
}

function toDigits(answer) {
  const found = answer.digits ?? [];
  if (found.length <= 1) return [{ ...answer, label: String(answer.label), box: null }];
  return found.map((digit) => ({ ...digit, label: String(digit.label), box: toParts(digit.box, answer.picture) }));
}

// Pixels of the picture become parts of its width and height.
function toParts(box, picture) {
  const { width, height } = picture;
  return [box.x / width, box.y / height, (box.x + box.width) / width, (box.y + box.height) / height];
}

function createBar(label) {
  const name = make("span", "name", label); // read first, shown last
  const value = make("span", "value");
  const fill = make("span", "fill", value);
  const item = make("li", "", name, make("span", "track", fill));
  item.dataset.class = label;
  return { item, value, fill };
}

function setBar({ item, value, fill }, score, isWinner, percent) {
  item.dataset.score = String(score);
  item.classList.toggle("winner", isWinner);
  fill.style.setProperty("--score", String(score));
  value.textContent = score < 0.01 ? "" : percent(score);
}
