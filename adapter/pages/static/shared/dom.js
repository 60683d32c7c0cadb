// Small helpers over the DOM, for both pages. Know no element of either.

const SVG = "http://www.w3.org/2000/svg";

/** The element with this id. */
export const find = (id) => document.getElementById(id);

/** Set the text unless it is that already: writing it again would make a screen reader speak again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set a text that is to be heard even when it is said twice in a row: a space makes it another. */
export function say(element, text) {
  element.textContent = element.textContent === text ? `${text}\u00a0` : text;
}

/** A new element with a class, and children that are elements or texts. */
export function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** A new SVG element with attributes and children. */
export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** An icon of strokes in a box of 24x24, unseen by screen readers. */
export function makeIcon(path) {
  return makeSvg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" }, makeSvg("path", { d: path }));
}

/** "97%" in *language*; a model is never shown as wholly certain. */
export function percentIn(language, score) {
  const format = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
  return score >= 0.995 ? `>${format.format(0.99)}` : format.format(score);
}
