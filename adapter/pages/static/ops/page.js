// The operations page's wiring: asks api/ops every two seconds while somebody looks, and shows it.

import { ask } from "../shared/api.js";
import { find, make, setText } from "../shared/dom.js";
import { createKeyDialog } from "../shared/key.js";
import { createLanguage } from "../shared/language.js";
import { ENGLISH } from "./en.js";
import { createFormat } from "./format.js";
import { createHistory } from "./history.js";
import { KOREAN } from "./ko.js";
import { createCharts, createModels, FAILING } from "./models.js";
import { createServices, toServiceCalls } from "./services.js";

const EVERY_MS = 2000;

const language = createLanguage({
  catalogues: { en: ENGLISH, ko: KOREAN },
  button: find("language"),
  changed: onLanguage,
});
const { texts } = language;
const format = createFormat(language.code);
const history = createHistory();
const requests = createHistory();
const charts = createCharts({ texts, format });
const models = createModels({ root: find("models"), texts, format });
const services = createServices({ root: find("services"), texts, format });
const dialog = createKeyDialog({ texts, used: () => look() });
let overview = null; // the newest answer
let problem = null;
let isPaused = false;
let timer = 0;
let asked = 0; // counts questions: only the newest one's answer counts

async function look() {
  clearTimeout(timer);
  const mine = (asked += 1);
  const { answer, problem: trouble } = await ask("api/ops", { language: language.code() });
  if (mine !== asked) return;
  problem = trouble ?? null;
  if (answer) {
    overview = answer;
    history.push(answer);
    requests.push(toServiceCalls(answer));
  }
  if (["UNAUTHENTICATED", "PERMISSION_DENIED"].includes(problem?.code)) dialog.ask();
  if (!isPaused) show();
  if (!document.hidden && !isPaused) timer = setTimeout(look, EVERY_MS);
}

function show() {
  showState();
  if (!overview) return;
  showFigures();
  charts.show(history.series(() => true), history);
  models.show(overview, history);
  services.show(overview, requests);
  find("nothing").hidden = overview.models.length > 0;
  showServers();
}

function showState() {
  const found = toTroubles();
  const isLost = problem !== null;
  const words = !overview && !isLost ? texts().looking : found.length ? texts().attention(found.length) : texts().well;
  setText(find("state"), isLost ? problem.message || texts().lost : words);
  find("state").dataset.state = isLost ? "bad" : !overview ? "" : found.length ? "warn" : "good";
  find("troubles").hidden = found.length === 0;
  const list = find("troubles");
  if ([...list.children].map((item) => item.textContent).join("\n") !== found.join("\n")) {
    list.replaceChildren(...found.map((text) => make("li", "", text)));
  }
  find("updated").textContent = isPaused ? texts().paused : overview ? texts().updated(format.ago(age())) : "";
}

const age = () => Math.max(0, Date.now() / 1000 - overview.time);

function toTroubles() {
  if (!overview) return [];
  const servers = overview.servers.filter((server) => server.problem).map(({ name, problem: why }) => texts().notReady(name, why));
  const found = overview.models.flatMap((model) => {
    const failed = history.now((row) => row.model === model.name).failed ?? 0;
    const versions = model.versions.filter((each) => each.problem || each.state === "failed").map((each) =>
      each.problem || texts().badState(model.name, each.number));
    return [
      ...(model.problem ? [model.problem] : []),
      ...versions,
      ...(failed > FAILING ? [texts().failing(model.name, format.part(failed))] : []),
    ];
  });
  return [...servers, ...(overview.store_problem ? [overview.store_problem] : []), ...found];
}

function showFigures() {
  const now = history.now(() => true);
  const figures = [
    ["rate", now.rate, format.rate], ["failed", now.failed, format.part],
    ["p50", now.p50, format.latency], ["p95", now.p95, format.latency], ["p99", now.p99, format.latency],
  ];
  find("figures").replaceChildren(...figures.map(([key, value, write]) => {
    const item = make("div", `figure ${key}`, make("dt", "", texts()[key]), make("dd", "", value === null ? "–" : write(value)));
    item.classList.toggle("some", key === "failed" && (value ?? 0) > 0);
    return item;
  }));
}

function showServers() {
  const adapter = { name: texts().adapter, problem: "", about: texts().offers(overview.services.join(", "), overview.release) };
  find("servers").replaceChildren(...[adapter, ...overview.servers].map(({ name, problem: why, about }) =>
    make("li", "server", make("i", `dot ${why ? "failed" : "available"}`), make("b", "", name),
      make("span", "", why || about || texts().ready))),
    ...overview.missing.map((text) => make("li", "server", make("i", "dot unknown"), make("b"), make("span", "", text))));
}

function onLanguage() {
  document.title = texts().pageTitle;
  showPause();
  if (overview || problem) show();
}

function showPause() {
  setText(find("pause"), isPaused ? texts().resume : texts().pause);
}

function onPause() {
  isPaused = !isPaused;
  clearTimeout(timer);
  showPause();
  if (isPaused) show();
  else look();
}

find("charts").replaceWith(charts.element);
find("pause").addEventListener("click", onPause);
document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (!document.hidden && !isPaused) look();
});
language.start();
look();
