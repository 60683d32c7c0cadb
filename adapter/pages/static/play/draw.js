// The drawing board: turns pointer and keyboard events on a canvas into ink, and shows it.
// Knows nothing of predictions; page.js listens to its changes.

import { SIDE_PX, createInk, paint, toPng } from "./ink.js";

const STEP = 8; // units of the square that an arrow key moves
const FINE_STEP = 2; // ... with Shift
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * Make *canvas* a drawing board.
 *
 * Events, all optional: changed() after any change of the ink, strokeEnded() when a pen is
 * lifted, penMoved(isDown) when the keyboard lowers or lifts the pen.
 */
export function createBoard(canvas, { changed, strokeEnded, penMoved }) {
  const ink = createInk();
  const context = canvas.getContext("2d");
  const cursor = { x: SIDE_PX / 2, y: SIDE_PX / 2, isShown: false, isDown: false };
  const held = new Set(); // arrow keys held: two of them move diagonally
  let pointerId = null;
  let width = 20;
  let frame = 0;

  const refresh = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      render(canvas, context, ink.strokes(), cursor, width);
    });
  };
  const touched = () => {
    refresh();
    changed();
  };

  function pointOf(event) {
    const box = canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * SIDE_PX,
      y: ((event.clientY - box.top) / box.height) * SIDE_PX,
      width: event.pointerType === "pen" ? width * (0.5 + event.pressure) : width,
    };
  }

  function onPointerDown(event) {
    if (pointerId !== null || event.button !== 0) return; // one pointer draws at a time
    pointerId = event.pointerId;
    canvas.setPointerCapture(pointerId);
    endKeyStroke();
    cursor.isShown = false;
    ink.begin(pointOf(event));
    touched();
  }

  function onPointerMove(event) {
    if (event.pointerId !== pointerId) return;
    const events = event.getCoalescedEvents?.() ?? [];
    (events.length ? events : [event]).forEach((each) => ink.extend(pointOf(each)));
    touched();
  }

  function onPointerEnd(event) {
    if (event.pointerId !== pointerId) return;
    pointerId = null;
    strokeEnded();
  }

  function endKeyStroke() {
    if (!cursor.isDown) return;
    cursor.isDown = false;
    penMoved(false);
    strokeEnded();
  }

  function toggleKeyStroke() {
    cursor.isShown = true;
    if (cursor.isDown) {
      endKeyStroke();
      refresh();
    } else if (pointerId === null) {
      cursor.isDown = true;
      ink.begin({ x: cursor.x, y: cursor.y, width });
      penMoved(true);
      touched();
    }
  }

  function moveCursor(step) {
    for (const key of held) {
      cursor.x = clamp(cursor.x + ARROWS[key][0] * step);
      cursor.y = clamp(cursor.y + ARROWS[key][1] * step);
    }
    cursor.isShown = true;
    if (!cursor.isDown) return refresh();
    ink.extend({ x: cursor.x, y: cursor.y, width });
    return touched();
  }

  function onKeyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in ARROWS) {
      held.add(event.key);
      moveCursor(event.shiftKey ? FINE_STEP : STEP);
    } else if (event.key === " ") {
      if (!event.repeat) toggleKeyStroke();
    } else {
      return;
    }
    event.preventDefault(); // arrows and Space would scroll the page
  }

  function onFocus() {
    cursor.isShown = canvas.matches(":focus-visible");
    refresh();
  }

  function onBlur() {
    held.clear();
    endKeyStroke();
    cursor.isShown = false;
    refresh();
  }

  // A stroke under way does not outlive the ink that it belongs to.
  function dropStroke() {
    pointerId = null;
    if (cursor.isDown) penMoved(false);
    cursor.isDown = false;
  }

  canvas.addEventListener("pointerdown", onPointerDown);
  canvas.addEventListener("pointermove", onPointerMove);
  canvas.addEventListener("pointerup", onPointerEnd);
  canvas.addEventListener("pointercancel", onPointerEnd);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("keydown", onKeyDown);
  canvas.addEventListener("keyup", (event) => held.delete(event.key));
  canvas.addEventListener("focus", onFocus);
  canvas.addEventListener("blur", onBlur);
  new ResizeObserver(refresh).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);

  return {
    isEmpty: ink.isEmpty,
    canUndo: ink.canUndo,
    png: () => toPng(ink.strokes()),
    /** Paint the ink on a square of *side* pixels. */
    paint: (target, side) => paint(target, ink.strokes(), side / SIDE_PX, "#000"),
    setWidth: (next) => {
      width = next;
      refresh();
    },
    undo: () => {
      dropStroke();
      ink.undo();
      touched();
    },
    clear: () => {
      dropStroke();
      ink.clear();
      touched();
    },
  };
}

function clamp(value) {
  return Math.min(SIDE_PX, Math.max(0, value));
}

// What is shown has the screen's own resolution and the theme's own colors; what is sent has not.
function render(canvas, context, strokes, cursor, width) {
  const side = Math.round(canvas.clientWidth * devicePixelRatio);
  if (canvas.width !== side || canvas.height !== side) {
    canvas.width = side;
    canvas.height = side;
  }
  const style = getComputedStyle(canvas);
  context.clearRect(0, 0, side, side);
  paint(context, strokes, side / SIDE_PX, style.color);
  if (cursor.isShown) paintCursor(context, cursor, width, side / SIDE_PX, style);
}

// A ring as wide as the pen, filled while the pen is down, between two hair lines.
function paintCursor(context, cursor, width, scale, style) {
  context.save();
  context.scale(scale, scale);
  context.strokeStyle = style.outlineColor;
  context.fillStyle = style.outlineColor;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(cursor.x, cursor.y, width / 2 + 3, 0, 2 * Math.PI);
  context.stroke();
  context.beginPath();
  context.arc(cursor.x, cursor.y, cursor.isDown ? width / 2 : 2, 0, 2 * Math.PI);
  context.fill();
  context.restore();
}
