// A digit in the model's own hand, as an SVG that draws itself.

import { makeSvg } from "../shared/dom.js";
import { DIGITS, REST } from "../shared/digits.js";

/** An empty glyph {element, show(label, score)}. */
export function createGlyph() {
  const path = makeSvg("path", { pathLength: 1, d: REST });
  const element = makeSvg("svg", { class: "glyph", viewBox: "0 0 100 140", "aria-hidden": "true" }, path);
  let shown = null;
  return {
    element,
    /** Draw the digit *label*; the pen at rest for any other text. */
    show(label, score = 1) {
      path.style.setProperty("--sureness", String(score));
      if (label === shown) return;
      shown = label;
      path.setAttribute("d", DIGITS[label] ?? REST);
      path.classList.remove("drawn");
      path.getBoundingClientRect(); // lets the animation start again
      path.classList.add("drawn");
    },
  };
}
