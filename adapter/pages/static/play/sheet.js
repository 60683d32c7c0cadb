// The sheet: where a picture comes from. Drawn, chosen, dropped, pasted or taken, one is current.
// Knows no service and no answer; page.js listens to its changes.

import { find, say, setText } from "../shared/dom.js";
import { createCamera } from "./camera.js";
import { createBoard } from "./draw.js";
import { findPicture, readPicture, takePicture } from "./picture.js";

/**
 * The sheet. Events: changed() after any change of the picture, finished() when it stands still,
 * trouble(key) when a picture or the camera cannot be had, with null when that is over.
 */
export function createSheet({ texts, changed, finished, trouble }) {
  let source = "draw";
  let photo = null; // {canvas, dataUrl}; drawn pictures live in the board
  const board = createBoard(find("canvas"), {
    changed: () => update(changed),
    strokeEnded: finished,
    penMoved: (isDown) => say(find("pen-state"), isDown ? texts().penDown : texts().penUp),
  });
  const camera = createCamera(find("video"), () => show());

  const isEmpty = () => (source === "draw" ? board.isEmpty() : photo === null);

  function update(then) {
    show();
    then();
  }

  function show() {
    const isDrawn = source === "draw";
    const isLive = source === "camera" && camera.isOn();
    find("sheet").dataset.source = source;
    find("canvas").hidden = !isDrawn;
    find("guide").hidden = !isDrawn || !board.isEmpty();
    find("keys").hidden = !isDrawn;
    find("photo").hidden = isDrawn || !photo || isLive;
    find("video").hidden = !isLive;
    find("choosing").hidden = source !== "picture" || photo !== null;
    find("starting").hidden = source !== "camera" || photo !== null || isLive;
    find("pens").hidden = !isDrawn;
    find("draw-acts").hidden = !isDrawn;
    find("picture-acts").hidden = source !== "picture" || !photo;
    find("camera-acts").hidden = source !== "camera" || !(photo || isLive);
    find("shoot").hidden = !isLive;
    find("again").hidden = isLive || !photo;
    find("undo").setAttribute("aria-disabled", String(!board.canUndo()));
    find("clear").setAttribute("aria-disabled", String(board.isEmpty()));
    find(`source-${source}`).checked = true;
    setText(find("photo-name"), photo ? texts().photoOf(source) : "");
  }

  function setPhoto(next) {
    photo = next;
    const shown = find("photo");
    shown.width = photo?.canvas.width ?? 1;
    shown.height = photo?.canvas.height ?? 1;
    if (photo) paintOnWhite(shown.getContext("2d"), photo.canvas);
    trouble(null);
    update(changed);
    if (photo) finished();
  }

  async function open(file, next) {
    try {
      const found = await readPicture(file);
      setSource(next);
      setPhoto(found);
    } catch {
      trouble("unreadable");
    }
  }

  function setSource(next) {
    if (next === source) return;
    source = next;
    camera.stop();
    trouble(null);
    update(changed);
    if (!isEmpty()) finished();
  }

  async function startCamera(start = camera.start) {
    const outcome = await start();
    if (outcome === "") return;
    if (outcome !== "on") return trouble(outcome);
    photo = null;
    find("flip").hidden = !(await camera.hasOthers());
    trouble(null);
    update(changed);
    find("shoot").focus();
  }

  function shoot() {
    const found = takePicture(find("video"));
    camera.stop();
    setPhoto(found);
    find("again").focus();
  }

  function removePhoto() {
    setPhoto(null);
    find("choose").focus();
  }

  const act = (id, handle) => find(id).addEventListener("click", () => handle());
  act("choose", () => find("file").click());
  act("replace", () => find("file").click());
  act("remove", removePhoto);
  act("start", startCamera);
  act("again", startCamera);
  act("shoot", shoot);
  act("flip", () => startCamera(camera.flip));
  find("file").addEventListener("change", ({ target }) => {
    if (target.files[0]) open(target.files[0], "picture");
    target.value = ""; // the same file may be chosen again
  });
  for (const each of document.querySelectorAll("input[name=source]")) {
    each.addEventListener("change", () => setSource(each.value));
  }
  for (const pen of document.querySelectorAll("input[name=pen]")) {
    pen.addEventListener("change", () => board.setWidth(Number(pen.value)));
  }
  listenForPictures((file) => open(file, "picture"));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) camera.stop();
  });

  return {
    board,
    isEmpty,
    source: () => source,
    setSource,
    show,
    /** Let go of the camera: the sheet is not in use. */
    rest: camera.stop,
    /** The picture as a data URL. */
    dataUrl: () => (source === "draw" ? board.png() : photo.dataUrl),
    /** Where the picture lies in the sheet, in parts of its side: {x, y, width, height}. */
    frame() {
      if (source === "draw" || !photo) return { x: 0, y: 0, width: 1, height: 1 };
      const longest = Math.max(photo.canvas.width, photo.canvas.height);
      const width = photo.canvas.width / longest;
      const height = photo.canvas.height / longest;
      return { x: (1 - width) / 2, y: (1 - height) / 2, width, height };
    },
  };
}

// What shines through is white here too, whatever the page's colors.
function paintOnWhite(context, picture) {
  context.fillStyle = "#fff";
  context.fillRect(0, 0, picture.width, picture.height);
  context.drawImage(picture, 0, 0);
}

// Pictures that are dropped or pasted anywhere on the page.
function listenForPictures(found) {
  const hint = (isOver) => find("sheet").classList.toggle("over", isOver);
  document.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.items].some(({ kind }) => kind === "file")) return;
    event.preventDefault();
    hint(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) hint(false);
  });
  document.addEventListener("drop", (event) => {
    hint(false);
    const file = findPicture(event.dataTransfer);
    if (!file) return;
    event.preventDefault();
    found(file);
  });
  document.addEventListener("paste", (event) => {
    const file = findPicture(event.clipboardData);
    if (file) found(file);
  });
}
