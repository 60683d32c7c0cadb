// What an answer has to say about places in the picture, drawn over it: boxes, and a hand.
// Positions are parts of the picture's width and height, from 0 to 1.

import { find, makeSvg } from "../shared/dom.js";

const SIDE = 1000; // of the overlay's own square
const FINGERS = [[0, 1, 2, 3, 4], [0, 5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16], [0, 17, 18, 19, 20], [5, 9, 13, 17]];

/** The overlay of *sheet*, which knows where its picture lies. */
export function createOverlay(sheet) {
  const root = find("overlay");

  function place([x, y]) {
    const { x: left, y: top, width, height } = sheet.frame();
    return [(left + x * width) * SIDE, (top + y * height) * SIDE];
  }

  function toBox([left, top, right, bottom], isChosen) {
    const [x, y] = place([left, top]);
    const [endX, endY] = place([right, bottom]);
    const attributes = { x, y, width: endX - x, height: endY - y, rx: 18, class: isChosen ? "box chosen" : "box" };
    return makeSvg("rect", attributes);
  }

  return {
    /** Nothing to say. */
    clear: () => root.replaceChildren(),
    /** Mark parts of the picture, each [left, top, right, bottom]. */
    showBoxes(boxes, chosen) {
      root.replaceChildren(...boxes.map((box, i) => toBox(box, i === chosen)));
    },
    /** Draw 21 landmarks of a hand, each [x, y], with its bones. */
    showHand(landmarks) {
      const points = landmarks.map(place);
      const bones = FINGERS.map((finger) =>
        makeSvg("polyline", { class: "bone", points: finger.map((i) => points[i].join(",")).join(" ") }),
      );
      const joints = points.map(([cx, cy], i) =>
        makeSvg("circle", { class: i % 4 === 0 && i > 0 ? "joint tip" : "joint", cx, cy, r: i % 4 === 0 ? 13 : 8 }),
      );
      root.replaceChildren(...bones, ...joints);
    },
  };
}
