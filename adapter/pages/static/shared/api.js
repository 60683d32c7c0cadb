// One request to the adapter: its answer, or what is the matter in words the page can show.
// Addresses are relative to the page, so that the application may be mounted anywhere.

const RETRY_S = 2; // when the server names no time
const RETRY_MAX_S = 60;
const KEY_STORAGE = "easel.key";
const CODES = {
  400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
  413: "TOO_LARGE", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
};

let key = recallKey();

/**
 * Ask once. Resolves to {answer} or {problem}; never rejects.
 *
 * *body* is sent as JSON when there is one, then by POST. *accept* other than JSON gives the
 * answer as {blob, headers}. A problem is {code, message, language, retryAfterS}, with
 * retryAfterS null when only another request can help.
 */
export async function ask(path, { body, language, signal, accept = "application/json" }) {
  try {
    const response = await fetch(path, { ...toRequest(body, language, accept), signal });
    if (response.ok && accept !== "application/json") {
      return { answer: { blob: await response.blob(), headers: response.headers } };
    }
    const found = await response.json().catch(() => null);
    if (response.ok && found !== null) return { answer: found };
    return { problem: { ...problemOf(response, found), language } };
  } catch {
    return { problem: { code: "OFFLINE", message: "", language, retryAfterS: RETRY_S } };
  }
}

/** Send *next* with every request of this visit, as a server wants that knows its callers. */
export function useKey(next) {
  key = next;
  try {
    sessionStorage.setItem(KEY_STORAGE, next);
  } catch {
    // It holds until the page is left.
  }
}

function toRequest(body, language, accept) {
  const headers = { Accept: accept, "Accept-Language": language };
  if (key) headers["X-API-Key"] = key;
  if (body === undefined) return { headers, cache: "no-store" };
  headers["Content-Type"] = "application/json";
  return { method: "POST", headers, body: JSON.stringify(body), cache: "no-store" };
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

function recallKey() {
  try {
    return sessionStorage.getItem(KEY_STORAGE) ?? "";
  } catch {
    return "";
  }
}
