// A card for each model: who is live, how the traffic is split, its charts and its versions.
// Cards stay from one answer to the next, so that focus and open lists stay too.

import { make, setText } from "../shared/dom.js";
import { createChart } from "./chart.js";

const SHOWN = 5; // versions that are not live, labelled or called are folded away beyond these
const SHADES = 6; // different colors of traffic, in ops.css

/** The cards in *root*; show(overview, history) brings them up to date. */
export function createModels({ root, texts, format }) {
  const cards = new Map();

  function show(overview, history) {
    for (const [name, card] of cards) {
      if (overview.models.some((model) => model.name === name)) continue;
      card.element.remove();
      cards.delete(name);
    }
    for (const model of overview.models) {
      if (!cards.has(model.name)) {
        const card = createCard({ texts, format });
        cards.set(model.name, card);
        root.append(card.element);
      }
      cards.get(model.name).show(model, history, overview.time);
    }
  }
  return { show };
}

function createCard({ texts, format }) {
  const name = make("h3");
  const chips = make("span", "chips");
  const share = make("div", "share");
  const change = make("p", "change");
  const charts = createCharts({ texts, format });
  const table = createTable({ texts, format });
  const element = make("article", "model", make("header", "", name, chips), share, charts.element, table.element, change);

  function show(model, history, time) {
    const matches = (row) => row.model === model.name;
    setText(name, model.name);
    chips.replaceChildren(...toChips(model, texts));
    showShare(model, history);
    charts.show(history.series(matches), history);
    table.show(model, history);
    element.classList.toggle("ailing", isAiling(model, history.now(matches)));
    const last = model.last_change;
    setText(change, last ? texts().changed(last, format.ago(time - Date.parse(last.time) / 1000)) : "");
    change.title = last?.reason ?? "";
    change.hidden = !last;
  }

  // As it was, not as somebody meant it: calls of each version; the live one has them while there are none.
  function showShare(model, history) {
    const rateOf = ({ number }) => history.now((row) => row.model === model.name && row.version === String(number)).rate ?? 0;
    const called = model.versions.map((version) => [version.number, rateOf(version)]).filter(([, rate]) => rate > 0);
    const all = called.reduce((sum, [, rate]) => sum + rate, 0);
    const parts = all ? called.map(([version, rate]) => [version, rate / all]).sort((a, b) => b[1] - a[1]) : [[model.live, 1]];
    const bars = parts.map(([version, part], i) => {
      const bar = make("span", `shade-${i % SHADES}`, make("b", "", `v${version}`), ` ${format.part(part)}`);
      bar.style.flexGrow = String(part);
      return bar;
    });
    share.replaceChildren(...bars);
    share.setAttribute("role", "img");
    const said = parts.map(([version, part]) => texts().trafficOf(version, format.part(part))).join(", ");
    share.setAttribute("aria-label", `${texts().traffic}: ${said}`);
  }
  return { element, show };
}

/** From this part of failed calls on somebody is in trouble. */
export const FAILING = 0.05;

/** Whether a model needs a look: a version cannot be used, or too many calls fail. */
function isAiling(model, now) {
  const isBroken = model.versions.some(({ problem, state }) => problem || state === "failed");
  return isBroken || Boolean(model.problem) || (now.failed ?? 0) > FAILING;
}

/** The two charts of a model, or of all: calls, and latencies. */
export function createCharts({ texts, format }) {
  const calls = createChart({
    title: () => texts().calls,
    lines: [{ key: "ok", name: () => texts().ok }, { key: "bad", name: () => texts().bad }],
    isStacked: true,
    format: format.rate,
    least: 1,
    texts,
  });
  const latency = createChart({
    title: () => texts().latency,
    lines: ["p99", "p95", "p50"].map((key) => ({ key, name: () => texts()[key] })),
    isStacked: false,
    format: format.latency,
    least: 0.001,
    texts,
  });
  return {
    element: make("div", "charts", calls.element, latency.element),
    show(points, history) {
      calls.show(points, history.end(), history.span());
      latency.show(points, history.end(), history.span());
    },
  };
}

function toChips({ labels, versions }, texts) {
  const known = new Set(versions.map(({ number }) => number));
  return Object.entries(labels).map(([label, number]) => {
    const chip = make("span", "chip", `${label} `, make("b", "", `v${number}`));
    if (!known.has(number)) chip.title = texts().states.unknown;
    return chip;
  });
}

function createTable({ texts, format }) {
  const head = make("tr");
  const body = make("tbody");
  const caption = make("caption", "unseen");
  const table = make("table", "versions", caption, make("thead", "", head), body);
  const more = make("button", "quiet more");
  more.type = "button";
  let isOpen = false;
  let latest = null;

  more.addEventListener("click", () => {
    isOpen = true;
    show(...latest);
    body.querySelector("tr.folded")?.querySelector("th").focus();
  });

  function show(model, history) {
    latest = [model, history];
    setText(caption, texts().versionsOf(model.name));
    const titles = ["version", "state", "rate", "failed", "p50", "p99", "published"];
    head.replaceChildren(...titles.map((key) => toHead(texts()[key], key)));
    const rows = toRows(model, history);
    const folded = rows.filter(({ matters }) => !matters).slice(SHOWN);
    const shown = isOpen ? rows : rows.filter((row) => !folded.includes(row));
    body.replaceChildren(...shown.map((row) => toRow(row, folded.includes(row), { texts, format })));
    more.hidden = isOpen || folded.length === 0;
    setText(more, texts().more(folded.length));
  }
  return { element: make("div", "table", table, more), show };
}

// The newest first. What is live, has a label or is called matters, and what is broken.
function toRows(model, history) {
  const named = Object.entries(model.labels);
  return [...model.versions].reverse().map((version) => {
    const now = history.now((row) => row.model === model.name && row.version === String(version.number));
    const labels = named.filter(([, number]) => number === version.number).map(([label]) => label);
    const isLive = version.number === model.live;
    const isBroken = Boolean(version.problem) || version.state === "failed";
    const matters = isLive || labels.length > 0 || isBroken || (now.rate ?? 0) > 0;
    return { version, now, labels, isLive, isBroken, matters };
  });
}

function toHead(text, key) {
  const cell = make("th", key, text);
  cell.scope = "col";
  return cell;
}

function toRow({ version, now, labels, isLive, isBroken }, isFolded, { texts, format }) {
  const tags = [...(isLive && !labels.includes("stable") ? [texts().live] : []), ...labels];
  const name = make("th", "version", `v${version.number}`, ...tags.map((tag) => make("span", "tag", tag)));
  name.scope = "row";
  name.tabIndex = -1;
  name.title = version.tag;
  const state = isBroken ? "failed" : version.state;
  const said = make("td", "state", make("i", `dot ${state}`), texts().states[state] ?? state);
  said.title = version.problem;
  const written = (value, write) => (value === null ? "–" : write(value));
  const row = make("tr", isFolded ? "folded" : "", name, said,
    make("td", "rate", now.rate ? format.rate(now.rate) : "–"),
    make("td", now.failed ? "failed some" : "failed", written(now.failed, format.part)),
    make("td", "p50", written(now.p50, format.latency)),
    make("td", "p99", written(now.p99, format.latency)),
    make("td", "published", version.created ? format.date(version.created) : "–"));
  return row;
}
