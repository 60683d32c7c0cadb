// Two small charts over the last minutes, drawn by hand: calls with failures, and latencies.
// Each can be read with a pointer or the arrow keys: its legend then says the values of that moment.

import { make, makeSvg } from "../shared/dom.js";

const WIDTH = 600;
const HEIGHT = 160;

/**
 * A chart {element, show(points, end, span)}.
 *
 * *lines* is [{key, name()}], drawn as areas on top of each other where *isStacked*, else as
 * lines; *format(value)* writes a value, *least* is the smallest top of the scale.
 */
export function createChart({ title, lines, isStacked, format, least, texts }) {
  const plot = makeSvg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const top = make("span", "scale");
  const values = new Map(lines.map(({ key }) => [key, make("b")]));
  const names = new Map(lines.map(({ key }) => [key, make("span")]));
  const legend = make("figcaption", "legend", make("strong"), ...lines.map(({ key }) =>
    make("span", `key ${key}`, make("i"), names.get(key), values.get(key)),
  ));
  const [from, until] = [make("span"), make("span")];
  const cursor = make("i", "cursor");
  const area = make("div", "plot", plot, top, cursor);
  area.tabIndex = 0;
  area.setAttribute("role", "img");
  const element = make("figure", "chart", legend, area, make("p", "time", from, until));
  let points = [];
  let end = 0;
  let span = 60; // seconds from the left edge to the right one
  let looked = null; // the time that is looked at, null for now

  const x = (time) => (1 - (end - time) / span) * WIDTH;

  function show(nextPoints, nextEnd, nextSpan) {
    points = nextPoints;
    end = nextEnd;
    span = nextSpan;
    const highest = Math.max(least, ...points.map((point) => heightOf(point)));
    const scale = niceAbove(highest);
    const y = (value) => HEIGHT - (value / scale) * (HEIGHT - 4);
    plot.replaceChildren(...(isStacked ? toAreas(y) : toLines(y)));
    top.textContent = format(scale);
    element.classList.toggle("quiet-chart", points.every((point) => heightOf(point) === 0));
    write();
  }

  const heightOf = (point) => {
    const all = lines.map(({ key }) => point[key] ?? 0);
    return isStacked ? all.reduce((sum, value) => sum + value, 0) : Math.max(...all);
  };

  function toAreas(y) {
    const floor = new Map(points.map((point) => [point, 0]));
    return lines.map(({ key }) => {
      const parts = runs(points).map((run) => {
        const below = run.map((point) => `${x(point.time)},${y(floor.get(point))}`).reverse();
        const above = run.map((point) => `${x(point.time)},${y(floor.get(point) + point[key])}`);
        return `M${[...above, ...below].join("L")}Z`;
      });
      for (const point of points) floor.set(point, floor.get(point) + point[key]);
      return makeSvg("path", { d: parts.join(""), class: key });
    });
  }

  function toLines(y) {
    return lines.map(({ key }) => {
      const known = runs(points, key).filter((run) => run.length > 0);
      const d = known.map((run) => `M${run.map((point) => `${x(point.time)},${y(point[key])}`).join("L")}h.1`);
      return makeSvg("path", { d: d.join(""), class: key });
    });
  }

  // Texts alone: the legend's values are those of the moment that is looked at.
  function write() {
    const at = looked === null ? points.at(-1) : nearest(points, end - looked);
    legend.firstChild.textContent = title();
    for (const { key, name } of lines) {
      names.get(key).textContent = name();
      const value = at?.[key];
      values.get(key).textContent = value === null || value === undefined ? "–" : format(value);
    }
    const age = looked === null ? 0 : Math.round(looked);
    from.textContent = texts().ago(span);
    until.textContent = age > 0 ? texts().at(age) : texts().now;
    cursor.hidden = looked === null;
    if (looked !== null) cursor.style.left = `${(1 - looked / span) * 100}%`;
    const said = lines.map(({ key, name }) => `${name()} ${values.get(key).textContent}`).join(", ");
    area.setAttribute("aria-label", `${title()}, ${until.textContent}: ${said}. ${texts().highest} ${top.textContent}.`);
  }

  function look(age) {
    looked = age === null ? null : Math.min(span, Math.max(0, age));
    write();
  }

  area.addEventListener("pointermove", (event) => {
    const box = area.getBoundingClientRect();
    look((1 - (event.clientX - box.left) / box.width) * span);
  });
  area.addEventListener("pointerleave", () => look(null));
  area.addEventListener("blur", () => look(null));
  area.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: 2, ArrowRight: -2 }[event.key];
    if (event.key === "Escape") look(null);
    if (!step) return;
    event.preventDefault();
    look((looked ?? 0) + step * (event.shiftKey ? 10 : 1));
  });
  return { element, show, write };
}

// Points in a row, without gaps in time and, where *key* is named, with a value of it.
function runs(points, key) {
  const found = [[]];
  for (const point of points) {
    const isKnown = key === undefined || (point[key] !== null && point[key] !== undefined);
    if (point.isAfterGap || !isKnown) found.push([]);
    if (isKnown) found.at(-1).push(point);
  }
  return found.filter((run) => run.length > 0);
}

function nearest(points, time) {
  return points.reduce((best, point) =>
    best === null || Math.abs(point.time - time) < Math.abs(best.time - time) ? point : best, null);
}

/** The next of 1, 2, 5, 10, 20 ... that is not below *value*. */
function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999) ?? 10 * power;
}
