// The playground's wiring: cards, sheet, predictor and result, the buttons, the notice, the language.
// Holds no logic of its own beyond "when this happens, tell that one".

import { ask } from "../shared/api.js";
import { DIGITS } from "../shared/digits.js";
import { find, make, percentIn, say, setText } from "../shared/dom.js";
import { createKeyDialog } from "../shared/key.js";
import { createLanguage } from "../shared/language.js";
import { createCards } from "./cards.js";
import { createDigitsView } from "./digits_view.js";
import { ENGLISH } from "./en.js";
import { createExample } from "./example.js";
import { createExplanation } from "./explain.js";
import { createFeedback } from "./feedback.js";
import { createFingersView } from "./fingers_view.js";
import { KOREAN } from "./ko.js";
import { createNotice } from "./notice.js";
import { createOverlay } from "./overlay.js";
import { createPredictor } from "./predict.js";
import { createResult } from "./result.js";
import { readOffers, toModelCards, toServiceCards } from "./services.js";
import { createSheet } from "./sheet.js";
import { createTagsView } from "./tags_view.js";
import { createVoice } from "./voice.js";
import { createWordsView } from "./words_view.js";

const QUIET_MS = 900; // a result is spoken once it has held this long
const SETTLED_MS = 800; // a drawing goes to a service that costs more once the pen has rested this long
const GUIDES = ["3", "7", "2", "5", "8", "4", "6", "9"];

const offers = readOffers();
let card = null; // the service or model that is tried
let guide = 0;
let spokenTimer = 0;
let stillTimer = 0;

const language = createLanguage({
  catalogues: { en: ENGLISH, ko: KOREAN },
  button: find("language"),
  changed: onLanguage,
});
const { texts } = language;
const percent = (score) => percentIn(language.code(), score);

const sheet = createSheet({ texts, changed: onPicture, finished: onStill, trouble: (key) => notice.trouble(key) });
const overlay = createOverlay(sheet);
const notice = createNotice({ texts, language: language.code });
const dialog = createKeyDialog({ texts, used: onKey });
const views = {
  digits: createDigitsView({ texts, percent, overlay }),
  words: createWordsView({ texts, percent }),
  fingers: createFingersView({ texts, percent, overlay }),
  tags: createTagsView({ texts, percent }),
  voice: { headline: make("span"), details: make("span"), empty() {}, labels: null }, // voice.js speaks for itself
};
const voice = createVoice({ texts, language: language.code, failed: onProblem, solved: () => notice.solved() });
const result = createResult({ texts, serviceTexts });
const example = createExample({ texts, said: (text) => say(find("pen-state"), text) });
const explanation = createExplanation({ texts, language: language.code, sheet, failed: onProblem });
const feedback = createFeedback({
  texts,
  language: language.code,
  isOn: offers.has("POST /api/feedback"),
  hasModels: offers.has("GET /api/models/<name>"),
  current: () => ({ answer: result.answer(), picture: sheet.isEmpty() ? null : sheet.dataUrl(), labels: result.labels() }),
  failed: onProblem,
});
const predictor = createPredictor({
  ask: (signal) => ask(card.path, { body: { base64_drawing: sheet.dataUrl() }, language: language.code(), signal }),
  answered: onAnswer,
  failed: onProblem,
});
const cards = createCards({ first: toServiceCards(offers), load: loadCards, nameOf: (each) => each.model?.name ?? textsOf(each).name, chosen: onCard });

function textsOf(each) {
  const found = texts().services[each.model ? "model" : each.key];
  return each.model ? { ...found, name: each.model.name, title: found.title(each.model.name) } : found;
}

function serviceTexts() {
  const found = textsOf(card);
  return sheet.source() === "draw" ? found : { ...found, waiting: texts().waitingPicture };
}

async function loadCards() {
  const services = toServiceCards(offers);
  if (!offers.has("GET /api/models")) return services;
  const { answer } = await ask("api/models", { language: language.code() });
  return [...services, ...toModelCards(answer?.models ?? [], offers)];
}

function onCard(next) {
  card = next;
  predictor.cancel();
  clearTimeout(stillTimer);
  overlay.clear();
  find("main").dataset.view = card.view;
  explanation.use(card.explain ?? null);
  result.use(views[card.view], card.view);
  if (card.view === "voice") return onVoice();
  voice.close();
  if (card.source === "draw" || (card.source && sheet.source() === "draw")) sheet.setSource(card.source);
  notice.clear();
  showCard();
  onPicture();
  return onStill();
}

function onVoice() {
  sheet.rest();
  notice.clear();
  showCard();
  voice.open();
}

// A key was given: what failed for want of it is tried again.
function onKey() {
  cards.refresh();
  if (card?.view === "voice") voice.open();
  else onStill();
}

function showCard() {
  const { name, title, lede, guide: hint, code } = serviceTexts();
  document.title = texts().pageTitle(name);
  setText(find("title"), title);
  setText(find("lede"), lede);
  setText(find("guide-text"), hint);
  find("guide").classList.toggle("digits", card.view === "digits");
  setText(find("code-help"), code);
  example.show(card.path);
}

function onPicture() {
  overlay.clear();
  explanation.clear();
  if (!card || card.view === "voice") return;
  if (!sheet.isEmpty()) {
    result.expect();
    if (card.isLive) predictor.changed();
    return;
  }
  predictor.cancel();
  clearTimeout(stillTimer);
  result.clear();
  feedback.show();
  clearTimeout(spokenTimer);
  find("spoken").textContent = "";
  showGuide(guide + 1);
  notice.clear();
}

function onStill() {
  clearTimeout(stillTimer);
  if (sheet.isEmpty() || !card || card.view === "voice") return;
  const wait = card.isLive || sheet.source() !== "draw" ? 0 : SETTLED_MS;
  stillTimer = setTimeout(predictor.finished, wait);
}

function onAnswer(answer, latencyMs) {
  result.show(answer, latencyMs);
  feedback.show();
  explanation.answered();
  notice.solved();
  clearTimeout(spokenTimer);
  spokenTimer = setTimeout(() => setText(find("spoken"), result.spoken(answer)), QUIET_MS);
}

function onProblem(problem) {
  clearTimeout(spokenTimer);
  notice.show(problem);
  if (problem.code === "UNAUTHENTICATED") dialog.ask();
}

function undo() {
  if (sheet.source() !== "draw" || !sheet.board.canUndo()) return;
  sheet.board.undo();
  say(find("pen-state"), texts().undone);
  onStill();
}

function clear() {
  if (sheet.source() !== "draw" || sheet.board.isEmpty()) return;
  sheet.board.clear();
  say(find("pen-state"), texts().cleared);
}

function onKeyDown(event) {
  if (event.target.closest?.("input:not([type=radio]), textarea, select, dialog")) return;
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && isKeyZ(event)) {
    event.preventDefault();
    undo();
  } else if (event.key === "Escape" || event.key === "Delete") {
    clear();
  }
}

// With a Korean layout the Z key may report "ㅋ": then its place on the keyboard decides.
function isKeyZ({ key, code }) {
  return /^[a-z]$/i.test(key) ? key.toLowerCase() === "z" : code === "KeyZ";
}

function onLanguage() {
  if (!card) return;
  cards.show();
  showCard();
  sheet.show();
  result.refresh();
  explanation.refresh();
  voice.refresh();
  notice.refresh();
}

function showGuide(next) {
  guide = next % GUIDES.length;
  find("guide-stroke").setAttribute("d", DIGITS[GUIDES[guide]]);
}

find("undo").addEventListener("click", undo);
find("clear").addEventListener("click", clear);
document.addEventListener("keydown", onKeyDown);
showGuide(0);
language.start();
cards.start();
