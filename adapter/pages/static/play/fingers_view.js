// Counted fingers on the page: the number, which fingers are up, and the hand over the picture.

import { make } from "../shared/dom.js";
import { createGlyph } from "./glyph.js";

const FINGERS = ["thumb", "index", "middle", "ring", "little"];
const NO_HAND = "null"; // the label of a picture without one

/** The view of an answer of the fingers' service; see result.js for what a view is. */
export function createFingersView({ texts, percent, overlay }) {
  const glyph = createGlyph();
  const headline = make("div", "glyphs", glyph.element);
  const items = new Map(FINGERS.map((name) => [name, createFinger()]));
  const details = make("ul", "fingers", ...[...items.values()].map(({ item }) => item));
  let hand = null; // the answer, where it has a hand

  function refresh() {
    details.setAttribute("aria-label", texts().fingers);
    for (const [name, { item, label, state }] of items) {
      const isUp = hand !== null && hand.raised.includes(name);
      item.dataset.finger = name;
      item.classList.toggle("up", isUp);
      label.textContent = texts().fingerNames[name];
      state.textContent = hand === null ? "" : isUp ? texts().up : texts().down;
    }
    if (!hand) return overlay.clear();
    const { width, height } = hand.picture;
    return overlay.showHand(hand.landmarks.map(({ x, y }) => [x / width, y / height]));
  }

  return {
    headline,
    details,
    show(answer) {
      hand = answer.label === NO_HAND ? null : answer;
      glyph.show(hand ? answer.label : "", answer.score);
      refresh();
    },
    empty() {
      hand = null;
      glyph.show("");
      refresh();
    },
    verdict(answer) {
      if (answer.label === NO_HAND) return { score: "", text: texts().noHand, maybe: "" };
      const side = answer.hand ? texts().hands[answer.hand.label] : "";
      return { score: percent(answer.score), text: texts().sureOfHand, maybe: side };
    },
    spoken: (answer) => (answer.label === NO_HAND ? texts().noHand : texts().spokenFingers(Number(answer.label))),
    labels: ["0", "1", "2", "3", "4", "5"],
  };
}

function createFinger() {
  const label = make("span", "name");
  const state = make("span", "unseen");
  const item = make("li", "", make("i"), label, state);
  return { item, label, state };
}
