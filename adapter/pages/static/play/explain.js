// What an answer hangs on, drawn over the picture: a place glows by what the score loses when it
// is hidden. Strokes take the glow as their color, and the sheet around them a breath of it.

import { ask } from "../shared/api.js";
import { find, make, setText } from "../shared/dom.js";

const SIDE_PX = 640; // of the overlay
const SETTLED_MS = 450; // asked once the picture has stood still this long: it costs many runs
const LITTLE = 0.02; // no place mattered when hiding any one costs less of the score
const WASH = 0.34; // how much of the glow the sheet takes

/** The explanation of what *sheet* shows; failed(problem) reports. */
export function createExplanation({ texts, language, sheet, failed }) {
  let path = null; // how the service that is tried explains itself, null when it does not
  let found = null; // the last explanation
  let flight = null;
  let timer = 0;

  const isOn = () => find("explain").checked && path !== null;

  function clear() {
    clearTimeout(timer);
    flight?.abort();
    flight = null;
    found = null;
    show();
  }

  /** There is an answer: explain it, where that is wanted, once the picture stands still. */
  function answered() {
    clear();
    if (isOn() && !sheet.isEmpty()) timer = setTimeout(explain, SETTLED_MS);
  }

  async function explain() {
    const mine = new AbortController();
    flight = mine;
    show();
    const body = { base64_drawing: sheet.dataUrl() };
    const { answer, problem } = await ask(path, { body, language: language(), signal: mine.signal });
    if (flight !== mine) return;
    flight = null;
    found = answer ?? null;
    show();
    if (problem) failed(problem);
  }

  function show() {
    find("explain-switch").hidden = path === null;
    find("legend").hidden = !isOn() || (!found && !flight);
    find("sheet").classList.toggle("explained", Boolean(found));
    find("heat").hidden = !found;
    const most = found ? strongest(found.maps) : 0;
    setText(find("legend-text"), !found ? texts().explaining : most < LITTLE ? texts().nothingMattered : texts().mattered(found.label));
    find("scale").hidden = !found || most < LITTLE;
    find("against").hidden = !found || !found.maps.some(({ drops }) => drops.flat().some((drop) => drop < -Math.max(LITTLE, most / 8)));
    if (found) paint(find("heat"), sheet, found, Math.max(most, LITTLE));
  }

  find("explain").addEventListener("change", () => {
    if (isOn()) answered();
    else clear();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  return {
    answered,
    clear,
    /** Another service is tried, which explains itself at *next*. */
    use(next) {
      path = next;
      clear();
    },
    refresh: show,
  };
}

function strongest(maps) {
  return Math.max(...maps.flatMap(({ drops }) => drops.flat().map(Math.abs)));
}

function paint(canvas, sheet, { maps, picture }, most) {
  canvas.width = SIDE_PX;
  canvas.height = SIDE_PX;
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const glow = paintGlow(maps, picture, sheet.frame(), most, [style.color, style.outlineColor]);
  context.globalAlpha = sheet.source() === "draw" ? WASH : 0.62;
  context.drawImage(glow, 0, 0);
  if (sheet.source() !== "draw") return;
  // The strokes themselves, in the glow's colors.
  const ink = square();
  sheet.board.paint(ink.getContext("2d"), SIDE_PX);
  ink.getContext("2d").globalCompositeOperation = "source-in";
  ink.getContext("2d").drawImage(glow, 0, 0);
  context.globalAlpha = 1;
  context.drawImage(ink, 0, 0);
}

// All maps on one square: the color says for or against, its strength how much.
function paintGlow(maps, picture, frame, most, [forIt, against]) {
  const glow = square();
  const context = glow.getContext("2d");
  context.imageSmoothingQuality = "high";
  const toX = (x) => (frame.x + (x / picture.width) * frame.width) * SIDE_PX;
  const toY = (y) => (frame.y + (y / picture.height) * frame.height) * SIDE_PX;
  for (const { area, drops } of maps) {
    const left = toX(area.x);
    const top = toY(area.y);
    context.drawImage(toCells(drops, most, forIt, against), left, top,
      toX(area.x + area.width) - left, toY(area.y + area.height) - top);
  }
  return glow;
}

function toCells(drops, most, forIt, against) {
  const cells = make("canvas");
  cells.width = drops[0].length;
  cells.height = drops.length;
  const context = cells.getContext("2d");
  drops.forEach((row, y) => row.forEach((drop, x) => {
    context.globalAlpha = Math.min(1, Math.abs(drop) / most) ** 0.65; // faint places can still be told apart
    context.fillStyle = drop > 0 ? forIt : against;
    context.fillRect(x, y, 1, 1);
  }));
  return cells;
}

function square() {
  const canvas = make("canvas");
  canvas.width = SIDE_PX;
  canvas.height = SIDE_PX;
  return canvas;
}
