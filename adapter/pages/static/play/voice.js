// Text to speech: a form, its voices, and the player. Stands where sheet and result are for others.

import { ask } from "../shared/api.js";
import { find, make, setText } from "../shared/dom.js";
import { createPlayer } from "./player.js";

const FIRST = ["ko", "en"]; // the languages that come first in the list
const PATH = "api/aivoice";

/** The form; failed(problem) and solved() report. */
export function createVoice({ texts, language, failed, solved }) {
  const player = createPlayer({ texts });
  let voices = [];
  let spoken = null; // the last answer, to be said in words again
  let isOwn = false; // the text is the reader's, not our example
  let flight = null;

  async function open() {
    showExample();
    if (voices.length > 0) return;
    const { answer } = await ask(`${PATH}/voices`, { language: language() });
    voices = answer?.voices ?? [];
    showLanguages();
  }

  function showLanguages() {
    const tags = [...new Set(voices.flatMap((voice) => voice.languages))].sort(byImportance);
    const names = new Intl.DisplayNames([language()], { type: "language", languageDisplay: "standard" });
    const chosen = find("voice-language").value;
    find("voice-language").replaceChildren(
      new Option(texts().languageOfText, ""),
      ...tags.map((tag) => new Option(names.of(tag), tag)),
    );
    find("voice-language").value = tags.includes(chosen) ? chosen : "";
    showVoices();
  }

  function showVoices() {
    const tag = find("voice-language").value;
    const chosen = find("voice-name").value;
    const fitting = voices.filter((voice) => !tag || voice.languages.includes(tag));
    find("voice-name").replaceChildren(
      new Option(texts().usualVoice, ""),
      ...fitting.map((voice) => new Option(`${voice.name} (${texts().genders[voice.gender]})`, voice.name)),
    );
    find("voice-name").value = fitting.some(({ name }) => name === chosen) ? chosen : "";
  }

  async function speak() {
    flight?.abort();
    const mine = new AbortController();
    flight = mine;
    setBusy(true);
    const { answer, problem } = await ask(PATH, { body: toBody(), language: language(), signal: mine.signal });
    if (flight !== mine) return;
    flight = null;
    setBusy(false);
    spoken = answer ?? null;
    if (problem) {
      player.unload();
      failed(problem);
    } else {
      solved();
      const bytes = Uint8Array.from(atob(answer.audio), (each) => each.charCodeAt(0));
      await player.load(new Blob([bytes], { type: answer.media_type }), `easel.${answer.format}`);
    }
    showSpoken();
  }

  function toBody() {
    return {
      text: find("voice-text").value,
      ...(find("voice-language").value && { language: find("voice-language").value }),
      ...(find("voice-name").value && { voice: find("voice-name").value }),
      rate: Number(find("voice-rate").value),
    };
  }

  function setBusy(isBusy) {
    find("speak").setAttribute("aria-busy", String(isBusy));
    setText(find("speak-text"), isBusy ? texts().speaking : texts().speak);
  }

  function showSpoken() {
    find("voice-hint").hidden = spoken !== null;
    find("voice-said").hidden = spoken === null;
    if (!spoken) return;
    const names = new Intl.DisplayNames([language()], { type: "language" });
    const parts = [names.of(spoken.language), spoken.voice, texts().engines[spoken.engine]].filter(Boolean);
    find("voice-said").replaceChildren(...parts.map((part) => make("span", "", part)));
    find("voice-note").hidden = !spoken.degraded?.length;
  }

  function showExample() {
    if (!isOwn) find("voice-text").value = texts().sampleText;
    showRate();
  }

  function showRate() {
    const rate = Number(find("voice-rate").value);
    const written = new Intl.NumberFormat(language(), { maximumFractionDigits: 2 }).format(rate);
    setText(find("voice-rate-now"), `${written}×`);
    find("voice-rate").setAttribute("aria-valuetext", `${written}×`);
  }

  find("voice-text").addEventListener("input", () => { isOwn = true; });
  find("voice-text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find("speech").requestSubmit();
  });
  find("voice-language").addEventListener("change", showVoices);
  find("voice-rate").addEventListener("input", showRate);
  find("speech").addEventListener("submit", (event) => {
    event.preventDefault();
    speak();
  });
  return {
    open,
    close: player.unload,
    refresh() {
      showExample();
      showLanguages();
      showSpoken();
      setBusy(flight !== null);
      player.refresh();
    },
  };
}

function byImportance(a, b) {
  const rank = (tag) => [...FIRST, tag.split("-")[0]].indexOf(tag.split("-")[0]);
  return rank(a) - rank(b) || a.localeCompare(b);
}
