// Live predictions: one request at a time, the newest drawing wins, trouble is waited out.
// Knows neither canvas nor page: it asks for the drawing when it is about to send it.

const URL = "/api/numbers";
const PACE_MS = 120; // least time between two requests
const PATIENCE_MS = 15_000; // after this long without an answer the server counts as gone
const RETRY_S = 2; // when the server names no time
const RETRY_MAX_S = 60;
const CODES = { 400: "INVALID_ARGUMENT", 413: "TOO_LARGE", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED" };

/**
 * A predictor for one drawing.
 *
 * Given: png() and language() are read as a request leaves; answered(answer, latencyMs) and
 * failed(problem) report, where a problem is {code, message, language, retryAfterS}, with
 * retryAfterS null when only another drawing can help.
 */
export function createPredictor({ png, language, answered, failed }) {
  let flight = null; // AbortController of the request under way
  let isStale = false; // the drawing changed since the last request left
  let timer = 0;
  let dueAt = Infinity;
  let sentAt = -Infinity;
  let heldUntil = -Infinity; // what Retry-After asked for

  function plan(at) {
    const due = Math.max(at, heldUntil);
    if (flight || due >= dueAt) return;
    clearTimeout(timer);
    dueAt = due;
    timer = setTimeout(send, due - performance.now());
  }

  async function send() {
    const mine = new AbortController();
    const patience = setTimeout(() => mine.abort(), PATIENCE_MS);
    flight = mine;
    isStale = false;
    dueAt = Infinity;
    sentAt = performance.now();
    const { answer, problem } = await ask(png(), language(), mine.signal);
    clearTimeout(patience);
    if (flight !== mine) return; // the drawing was cleared in the meantime
    flight = null;
    if (problem) {
      hold(problem);
    } else {
      heldUntil = -Infinity;
      answered(answer, performance.now() - sentAt);
    }
    if (isStale) plan(sentAt + PACE_MS);
  }

  function hold(problem) {
    const retryMs = (problem.retryAfterS ?? 0) * 1000;
    heldUntil = performance.now() + retryMs;
    if (retryMs > 0) isStale = true;
    failed(problem);
  }

  return {
    /** The drawing changed; ask soon. */
    changed() {
      isStale = true;
      plan(Math.max(sentAt, performance.now()) + PACE_MS);
    },
    /** A stroke is complete; ask now. */
    finished() {
      isStale = true;
      plan(performance.now());
    },
    /** The drawing is gone: forget what was asked and what is planned. */
    cancel() {
      clearTimeout(timer);
      flight?.abort();
      flight = null;
      isStale = false;
      dueAt = Infinity;
      heldUntil = -Infinity;
    },
  };
}

/** Ask once. Resolves to {answer} or {problem}; never rejects. */
async function ask(drawing, language, signal) {
  try {
    const response = await fetch(URL, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Accept-Language": language },
      body: JSON.stringify({ base64_drawing: drawing }),
      cache: "no-store",
      signal,
    });
    const body = await response.json().catch(() => null);
    if (response.ok && Array.isArray(body?.predictions)) return { answer: body };
    return { problem: { ...problemOf(response, body), language } };
  } catch {
    return { problem: { code: "OFFLINE", message: "", language, retryAfterS: RETRY_S } };
  }
}

function problemOf(response, body) {
  const isOurFault = response.status >= 400 && response.status < 500 && response.status !== 429;
  return {
    code: CODES[response.status] ?? "INTERNAL",
    message: typeof body?.msg === "string" ? body.msg : "",
    retryAfterS: isOurFault ? null : retryAfterOf(response),
  };
}

// Retry-After is seconds or a date; nonsense counts as absent.
function retryAfterOf(response) {
  const text = response.headers.get("Retry-After");
  if (!text) return RETRY_S;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(RETRY_MAX_S, Math.max(1, Math.ceil(seconds))) : RETRY_S;
}
