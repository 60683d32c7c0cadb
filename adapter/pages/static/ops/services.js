// A card for each service of the adapter: requests and failures as its callers see them.

import { make, setText } from "../shared/dom.js";
import { createCharts, FAILING } from "./models.js";

/** The cards in *root*; show(overview, history) brings them up to date. */
export function createServices({ root, texts, format }) {
  const cards = new Map();
  return {
    show(overview, history) {
      for (const name of overview.services) {
        if (!cards.has(name)) {
          const charts = createCharts({ texts, format });
          const title = make("h3");
          const element = make("article", "model", make("header", "", title), charts.element);
          cards.set(name, { charts, title, element });
          root.append(element);
        }
        const { charts, title, element } = cards.get(name);
        const matches = (row) => row.model === name;
        setText(title, name);
        element.classList.toggle("ailing", (history.now(matches).failed ?? 0) > FAILING);
        charts.show(history.series(matches), history);
      }
    },
  };
}

/** The part of *overview* that a history of services takes. */
export function toServiceCalls({ time, request_bounds_s: bounds, requests }) {
  const calls = requests.map(({ service, outcome, counts }) => ({ model: service, version: "", code: outcome, counts }));
  return { time, bounds_s: bounds, calls };
}
