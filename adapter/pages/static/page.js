// The drawing page's wiring: board, predictor and result, the buttons, the notice, the language.
// Holds no logic of its own beyond "when this happens, tell that one".

import { DIGITS } from "./digits.js";
import { createBoard } from "./draw.js";
import { preferredLanguage, rememberLanguage, textsIn } from "./messages.js";
import { createPredictor } from "./predict.js";
import { createResult } from "./result.js";

const QUIET_MS = 900; // a result is spoken once it has held this long
const BACK_MS = 3000; // how long "back again" stays
const GUIDES = ["3", "7", "2", "5", "8", "4", "6", "9"];

const find = (id) => document.getElementById(id);
let language = preferredLanguage();
let problem = null; // what the last request ran into, null when it did not
let guide = 0;
let spokenTimer = 0;
let backTimer = 0;

const texts = () => textsIn(language);

const board = createBoard(find("canvas"), {
  changed: onDrawingChanged,
  strokeEnded: () => predictor.finished(),
  penMoved: (isDown) => say(isDown ? texts().penDown : texts().penUp),
});
const result = createResult({ find, texts, percent });
const predictor = createPredictor({
  png: board.png,
  language: () => language,
  answered: onAnswer,
  failed: onProblem,
});

function onDrawingChanged() {
  find("guide").hidden = !board.isEmpty();
  find("undo").setAttribute("aria-disabled", String(!board.canUndo()));
  find("clear").setAttribute("aria-disabled", String(board.isEmpty()));
  if (!board.isEmpty()) {
    result.expect();
    predictor.changed();
    return;
  }
  predictor.cancel();
  result.clear();
  clearTimeout(spokenTimer);
  find("spoken").textContent = "";
  showGuide(guide + 1);
  showProblem(null);
}

function onAnswer(answer, latencyMs) {
  result.show(answer, latencyMs);
  if (problem) showBack();
  showProblem(null);
  clearTimeout(spokenTimer);
  spokenTimer = setTimeout(() => {
    setText(find("spoken"), texts().spoken(answer.label, percent(answer.score)));
  }, QUIET_MS);
}

function onProblem(next) {
  clearTimeout(spokenTimer);
  showBack(false);
  showProblem(next);
}

function showProblem(next) {
  problem = next;
  if (problem) {
    const { code, message, retryAfterS } = problem;
    const isOurs = message && problem.language === language;
    setText(find("notice-text"), isOurs ? message : texts().problems[code]);
    setText(find("notice-detail"), retryAfterS === null ? texts().kept : texts().retrying(retryAfterS));
  }
  find("notice").hidden = !problem;
  find("result").classList.toggle("stale", Boolean(problem));
}

function showBack(isBack = true) {
  clearTimeout(backTimer);
  setText(find("back"), isBack ? texts().back : "");
  if (isBack) backTimer = setTimeout(() => setText(find("back"), ""), BACK_MS);
}

function undo() {
  if (!board.canUndo()) return;
  board.undo();
  say(texts().undone);
  if (!board.isEmpty()) predictor.finished();
}

function clear() {
  if (board.isEmpty()) return;
  board.clear();
  say(texts().cleared);
}

function onKeyDown(event) {
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

function showLanguage() {
  const other = language === "ko" ? "en" : "ko";
  document.documentElement.lang = language;
  document.title = texts().pageTitle;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = texts()[element.dataset.text];
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", texts()[element.dataset.label]);
  }
  find("language").lang = other;
  find("language").textContent = other === "ko" ? "한국어" : "English";
  result.refresh();
  showProblem(problem);
  showBack(false);
}

function switchLanguage() {
  language = language === "ko" ? "en" : "ko";
  rememberLanguage(language);
  showLanguage();
}

function showGuide(next) {
  guide = next % GUIDES.length;
  find("guide-stroke").setAttribute("d", DIGITS[GUIDES[guide]]);
}

function showExample() {
  find("example").textContent = [
    `curl ${location.origin}/api/numbers \\`,
    "  -H 'Content-Type: application/json' \\",
    `  -d "{\\"base64_drawing\\": \\"data:image/png;base64,$(base64 < digit.png | tr -d '\\n')\\"}"`,
  ].join("\n");
}

async function copyExample() {
  const example = find("example");
  try {
    await navigator.clipboard.writeText(example.textContent);
  } catch {
    getSelection().selectAllChildren(example); // no clipboard without HTTPS: the old way
    document.execCommand("copy");
  }
  find("copy").textContent = texts().copied;
  say(texts().copied);
  setTimeout(() => setText(find("copy"), texts().copy), 2000);
}

// "97%" in the page's language; a model is never shown as wholly certain.
function percent(score) {
  const format = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
  return score >= 0.995 ? `>${format.format(0.99)}` : format.format(score);
}

// Said twice in a row it still has to be heard: the space makes it another text.
function say(text) {
  const spoken = find("pen-state");
  spoken.textContent = spoken.textContent === text ? `${text}\u00a0` : text;
}

// Writing the same text again would make a screen reader speak again.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

find("undo").addEventListener("click", undo);
find("clear").addEventListener("click", clear);
find("language").addEventListener("click", switchLanguage);
find("copy").addEventListener("click", copyExample);
document.addEventListener("keydown", onKeyDown);
for (const pen of document.querySelectorAll("input[name=pen]")) {
  pen.addEventListener("change", () => board.setWidth(Number(pen.value)));
}
showGuide(0);
showExample();
showLanguage();
