// Every text of the page in English and Korean, and the choice between them.
// Knows no element: page.js puts the texts where they belong.

const ENGLISH = {
  pageTitle: "Easel: draw a digit",
  title: "Draw a digit.",
  lede: "A model reads along, stroke by stroke, and tells you how sure it is.",
  drawing: "Your drawing",
  canvas: "Drawing area",
  guide: "Draw a digit here",
  keys: "Arrow keys move, Space puts the pen down or lifts it, Escape clears.",
  tools: "Drawing tools",
  penWidth: "Pen width",
  thin: "Thin",
  medium: "Medium",
  thick: "Thick",
  undo: "Undo",
  clear: "Clear",
  result: "What the model reads",
  bars: "Score of each digit",
  waiting: "Waiting for your first stroke",
  reading: "Reading…",
  sure: "sure",
  maybe: (label) => `or perhaps ${label}`,
  spoken: (label, percent) => `Reads as ${label}, ${percent} sure.`,
  version: (name, version) => `${name} · version ${version}`,
  latency: (ms) => `${ms} ms`,
  penDown: "Pen down",
  penUp: "Pen up",
  cleared: "Drawing cleared. Undo brings it back.",
  undone: "Last step undone.",
  useFromCode: "Use it from your code",
  codeHelp: "Post any drawing of a digit, get the label and all ten scores.",
  example: "Example command",
  copy: "Copy",
  copied: "Copied",
  back: "Back again. Carry on drawing.",
  retrying: (seconds) => `Your drawing is kept. Trying again in ${seconds} s.`,
  kept: "Your drawing is kept. Draw on, or change it, to try again.",
  problems: {
    INVALID_ARGUMENT: "The model could not read this drawing.",
    TOO_LARGE: "This drawing is too large to send.",
    RESOURCE_EXHAUSTED: "Many people are drawing right now.",
    UNAVAILABLE: "The model is not ready at the moment.",
    DEADLINE_EXCEEDED: "The model is taking longer than usual.",
    OFFLINE: "The server cannot be reached.",
    INTERNAL: "Something went wrong on the server.",
  },
};

const KOREAN = {
  pageTitle: "Easel: 숫자 그리기",
  title: "숫자를 그려 보세요.",
  lede: "획을 그을 때마다 모델이 함께 읽고, 얼마나 확신하는지 알려 드려요.",
  drawing: "내 그림",
  canvas: "그림판",
  guide: "여기에 숫자를 그려 보세요",
  keys: "화살표로 이동, 스페이스로 펜 내리기·올리기, Esc로 지우기",
  tools: "그리기 도구",
  penWidth: "펜 굵기",
  thin: "가늘게",
  medium: "보통",
  thick: "굵게",
  undo: "되돌리기",
  clear: "지우기",
  result: "모델이 읽은 숫자",
  bars: "숫자별 점수",
  waiting: "첫 획을 기다리고 있어요",
  reading: "읽는 중…",
  sure: "확신해요",
  maybe: (label) => `어쩌면 ${label}`,
  spoken: (label, percent) => `${label}, ${percent} 확신해요.`,
  version: (name, version) => `${name} · 버전 ${version}`,
  latency: (ms) => `${ms} ms`,
  penDown: "펜을 내렸어요",
  penUp: "펜을 올렸어요",
  cleared: "그림을 지웠어요. 되돌리기로 다시 불러올 수 있어요.",
  undone: "한 단계 되돌렸어요.",
  useFromCode: "코드에서 사용하기",
  codeHelp: "숫자 그림을 보내면 라벨과 열 개의 점수를 모두 받아요.",
  example: "예시 명령",
  copy: "복사",
  copied: "복사했어요",
  back: "다시 연결됐어요. 이어서 그려 보세요.",
  retrying: (seconds) => `그림은 그대로 있어요. ${seconds}초 뒤에 다시 시도할게요.`,
  kept: "그림은 그대로 있어요. 이어서 그리거나 고치면 다시 시도해요.",
  problems: {
    INVALID_ARGUMENT: "모델이 이 그림을 읽지 못했어요.",
    TOO_LARGE: "그림이 너무 커서 보낼 수 없어요.",
    RESOURCE_EXHAUSTED: "지금 많은 사람이 그리고 있어요.",
    UNAVAILABLE: "모델이 아직 준비되지 않았어요.",
    DEADLINE_EXCEEDED: "모델의 답이 평소보다 늦어지고 있어요.",
    OFFLINE: "서버에 연결할 수 없어요.",
    INTERNAL: "서버에 문제가 생겼어요.",
  },
};

const TEXTS = { en: ENGLISH, ko: KOREAN };
const STORAGE_KEY = "easel.language";

/** All texts of one language, "en" or "ko". */
export function textsIn(language) {
  return TEXTS[language];
}

/** The language chosen before, else the browser's when we speak it, else English. */
export function preferredLanguage() {
  const remembered = readRemembered();
  if (Object.hasOwn(TEXTS, remembered)) return remembered;
  return /^ko\b/i.test(navigator.language) ? "ko" : "en";
}

/** Keep the choice for the next visit, where the browser lets us. */
export function rememberLanguage(language) {
  try {
    localStorage.setItem(STORAGE_KEY, language);
  } catch {
    // Storage is off or full: the choice holds for this visit only.
  }
}

function readRemembered() {
  try {
    return localStorage.getItem(STORAGE_KEY) ?? "";
  } catch {
    return "";
  }
}
