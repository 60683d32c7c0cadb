// Predictions: one request at a time, the newest picture wins, trouble is waited out.
// Knows neither canvas nor page nor address: it is told how to ask.

const PACE_MS = 120; // least time between two requests
const PATIENCE_MS = 15_000; // after this long without an answer the server counts as gone

/**
 * A predictor for one picture.
 *
 * *ask(signal)* sends what is to be read now and resolves to {answer} or {problem};
 * answered(answer, latencyMs) and failed(problem) report.
 */
export function createPredictor({ ask, answered, failed }) {
  let flight = null; // AbortController of the request under way
  let isStale = false; // the picture changed since the last request left
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
    const { answer, problem } = await ask(mine.signal);
    clearTimeout(patience);
    if (flight !== mine) return; // the picture was taken away in the meantime
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
    /** The picture changed; ask soon. */
    changed() {
      isStale = true;
      plan(Math.max(sentAt, performance.now()) + PACE_MS);
    },
    /** The picture is complete, for now; ask now. */
    finished() {
      isStale = true;
      plan(performance.now());
    },
    /** The picture is gone: forget what was asked and what is planned. */
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
