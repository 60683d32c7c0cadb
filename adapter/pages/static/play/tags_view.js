// Tags of a picture on the page: the best one, a ranking, what the web knows, and who was missing.

import { make, setText } from "../shared/dom.js";
import { createWordsView } from "./words_view.js";

const PAGES = 4;
const NOTHING = "null"; // the label of a picture that nobody knows

/** The view of an answer with tags; see result.js for what a view is. */
export function createTagsView({ texts, percent }) {
  const words = createWordsView({ texts, percent, rows: 6 });
  const note = make("p", "note");
  const title = make("h2", "pages-title");
  const pages = make("ul", "web-pages");
  const details = make("div", "tags", words.details, note, title, pages);

  function showNote(degraded) {
    const missing = degraded.map((name) => texts().degraded[name]).filter(Boolean);
    setText(note, missing.join(" "));
    note.hidden = missing.length === 0;
  }

  function showPages(found) {
    pages.replaceChildren(...found.slice(0, PAGES).filter(({ url }) => /^https?:/i.test(url)).map(toItem));
    title.textContent = texts().webPages;
    title.hidden = pages.children.length === 0;
  }

  return {
    headline: words.headline,
    details,
    show(answer) {
      words.show(answer.label === NOTHING ? { ...answer, label: "", predictions: [] } : answer);
      showNote(answer.degraded ?? []);
      showPages(answer.pages ?? []);
    },
    empty() {
      words.empty();
      showNote([]);
      showPages([]);
    },
    verdict(answer) {
      if (answer.label === NOTHING) return { score: "", text: texts().noTags, maybe: "" };
      return { score: percent(answer.score), text: texts().sure, maybe: "" };
    },
    spoken: (answer) => (answer.label === NOTHING ? texts().noTags : words.spoken(answer)),
    labels: null,
  };
}

function toItem({ url, title }) {
  // A title may have the marks of a search result in it.
  const plain = new DOMParser().parseFromString(title || url, "text/html").body.textContent;
  const link = make("a", "", plain);
  link.href = url;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  return make("li", "", link, make("span", "", new URL(url).hostname));
}
