// A player of one sound: play and pause, a position to move, the sound's shape, a file to keep.

import { find, makeSvg, setText } from "../shared/dom.js";

const BARS = 72;
const PLAY = "M8 5.5v13l10-6.5z";
const PAUSE = "M8.5 6v12M15.5 6v12";

/** The player on the page, which has elements of its ids. */
export function createPlayer({ texts }) {
  const audio = new Audio();
  let address = "";
  let frame = 0;

  /** Put a sound in place: a Blob, and the name of the file to keep. Plays where it may. */
  async function load(blob, name) {
    URL.revokeObjectURL(address);
    address = URL.createObjectURL(blob);
    audio.src = address;
    find("keep").href = address;
    find("keep").download = name;
    find("player").hidden = false;
    drawShape(await toShape(blob));
    await audio.play().catch(() => {}); // a browser may want a click of its own
    show();
  }

  function unload() {
    audio.pause();
    find("player").hidden = true;
  }

  function show() {
    const isPlaying = !audio.paused && !audio.ended;
    find("play-icon").setAttribute("d", isPlaying ? PAUSE : PLAY);
    find("play").setAttribute("aria-label", isPlaying ? texts().pause : texts().play);
    const length = Number.isFinite(audio.duration) ? audio.duration : 0;
    const seek = find("seek");
    seek.max = String(length || 1);
    if (document.activeElement !== seek || isPlaying) seek.value = String(audio.currentTime);
    seek.setAttribute("aria-valuetext", texts().position(Math.round(audio.currentTime), Math.round(length)));
    setText(find("clock"), `${toClock(audio.currentTime)} / ${toClock(length)}`);
    find("played").setAttribute("width", String(length ? (audio.currentTime / length) * 100 : 0));
    cancelAnimationFrame(frame);
    if (isPlaying) frame = requestAnimationFrame(show);
  }

  find("play").addEventListener("click", () => (audio.paused || audio.ended ? audio.play() : audio.pause()));
  find("seek").addEventListener("input", ({ target }) => {
    audio.currentTime = Number(target.value);
    show();
  });
  for (const event of ["play", "pause", "ended", "durationchange", "seeked"]) audio.addEventListener(event, show);
  return { load, unload, refresh: show };
}

function drawShape(heights) {
  const step = 100 / heights.length;
  find("shape").replaceChildren(...heights.map((height, i) =>
    makeSvg("rect", { x: i * step + step * 0.2, y: 50 - height * 46, width: step * 0.6, height: height * 92, rx: 0.4 }),
  ));
}

// The loudest moment of each part, from 0.03 to 1.
async function toShape(blob) {
  try {
    const context = new OfflineAudioContext(1, 1, 22_050);
    const sound = await context.decodeAudioData(await blob.arrayBuffer());
    const samples = sound.getChannelData(0);
    const size = Math.max(1, Math.floor(samples.length / BARS));
    const peaks = Array.from({ length: BARS }, (_, bar) => {
      let peak = 0;
      for (let i = bar * size; i < Math.min(samples.length, (bar + 1) * size); i += 1) peak = Math.max(peak, Math.abs(samples[i]));
      return peak;
    });
    const most = Math.max(...peaks, 0.001);
    return peaks.map((peak) => Math.max(0.03, peak / most));
  } catch {
    return Array(BARS).fill(0.2); // it can be played, but not looked into
  }
}

function toClock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
