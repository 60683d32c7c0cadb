// Trouble and its end, said where the answer stands: what happened, and what to do or wait for.

import { find, setText } from "../shared/dom.js";

const BACK_MS = 3000; // how long "back again" stays

/** The notice; *language()* is the page's, in which the server's own words may be shown. */
export function createNotice({ texts, language }) {
  let problem = null; // what the last request ran into, null when it did not
  let trouble = null; // what kept a picture from being had: a key of texts().troubles
  let backTimer = 0;

  function toWords() {
    if (trouble) return texts().troubles[trouble];
    const { code, message, retryAfterS } = problem;
    const isReadable = message && problem.language === language();
    return [
      isReadable ? message : texts().problems[code],
      retryAfterS === null ? texts().kept : texts().retrying(retryAfterS),
    ];
  }

  function refresh() {
    if (problem || trouble) {
      const [text, detail] = toWords();
      setText(find("notice-text"), text);
      setText(find("notice-detail"), detail);
    }
    find("notice").hidden = !problem && !trouble;
    find("result").classList.toggle("stale", Boolean(problem));
  }

  function showBack(isBack) {
    clearTimeout(backTimer);
    setText(find("back"), isBack ? texts().back : "");
    if (isBack) backTimer = setTimeout(() => setText(find("back"), ""), BACK_MS);
  }

  return {
    /** A request failed. */
    show(next) {
      showBack(false);
      problem = next;
      refresh();
    },
    /** A request succeeded: say so if one had failed. */
    solved() {
      if (problem && problem.retryAfterS !== null) showBack(true);
      problem = null;
      refresh();
    },
    /** A picture cannot be had, by a key of the texts; null when that is over. */
    trouble(key) {
      trouble = key;
      refresh();
    },
    /** Nothing was asked. */
    clear() {
      problem = null;
      trouble = null;
      refresh();
    },
    /** Write it again, in another language. */
    refresh() {
      showBack(false);
      refresh();
    },
  };
}
