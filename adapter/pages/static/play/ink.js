// The drawing as data: strokes in a 280x280 square, their history, and how to paint them.
// Knows neither pointer nor page; draw.js feeds it points, predict.js is given its PNG.

/** Side of the square that strokes live in, and of the PNG that is sent, in pixels. */
export const SIDE_PX = 280;

const DOT = 0.01; // a line of no length leaves no ink, and a tap should leave a dot

/**
 * An empty drawing. A stroke is a list of points {x, y, width}; every step, clearing too,
 * can be undone, since each keeps the list of strokes that it replaced.
 */
export function createInk() {
  let strokes = [];
  const past = [];
  const replace = (next) => {
    past.push(strokes);
    strokes = next;
  };
  return {
    strokes: () => strokes,
    isEmpty: () => strokes.length === 0,
    canUndo: () => past.length > 0,
    begin: (point) => replace([...strokes, [point]]),
    extend: (point) => strokes.at(-1).push(point),
    clear: () => replace([]),
    undo: () => {
      strokes = past.pop() ?? [];
    },
  };
}

/** Paint *strokes* in *color*; *scale* is the target's pixels per unit of the square. */
export function paint(context, strokes, scale, color) {
  context.save();
  context.scale(scale, scale);
  context.lineCap = "round";
  context.lineJoin = "round";
  context.strokeStyle = color;
  strokes.forEach((stroke) => paintStroke(context, stroke));
  context.restore();
}

/** The drawing as the model wants it: black on white, 280x280, a PNG data URL. */
export function toPng(strokes) {
  const sheet = document.createElement("canvas");
  sheet.width = SIDE_PX;
  sheet.height = SIDE_PX;
  const context = sheet.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, SIDE_PX, SIDE_PX);
  paint(context, strokes, 1, "#000");
  return sheet.toDataURL("image/png");
}

// Each recorded point bends the line between the midpoints beside it: a smooth stroke that
// needs no look-ahead. Where the width changes, as with a pen's pressure, a new path begins.
function paintStroke(context, points) {
  startPath(context, points[0], points[0].width);
  for (let i = 1; i < points.length - 1; i += 1) {
    const middle = midpoint(points[i], points[i + 1]);
    context.quadraticCurveTo(points[i].x, points[i].y, middle.x, middle.y);
    if (points[i + 1].width === points[i].width) continue;
    context.stroke();
    startPath(context, middle, points[i + 1].width);
  }
  const last = points.at(-1);
  context.lineTo(last.x + DOT, last.y);
  context.stroke();
}

function startPath(context, from, width) {
  context.lineWidth = width;
  context.beginPath();
  context.moveTo(from.x, from.y);
}

function midpoint(a, b) {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}
