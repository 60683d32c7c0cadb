// The row of cards on top: one for each service, one for each model, the chosen one marked.
// Cards are links to "#key", so that each has an address and the browser's Back goes back.

import { find, make, makeIcon } from "../shared/dom.js";

const FRESH_MS = 15_000; // how long a list of models is believed

/**
 * The cards: *first* are there at once. *load()* resolves to the cards there are now; *nameOf(card)* names one;
 * chosen(card) is called for the first card and whenever another is chosen.
 */
export function createCards({ first, load, nameOf, chosen }) {
  let cards = first;
  let current = null;

  function show() {
    const links = cards.map((card) => {
      const link = make("a", "card", makeIcon(card.icon), make("span", "", nameOf(card)));
      link.href = `#${card.key}`;
      if (card.key === current?.key) link.setAttribute("aria-current", "page");
      return make("li", "", link);
    });
    const focused = document.activeElement?.closest("#cards a")?.hash;
    find("cards").replaceChildren(...links);
    if (focused) find("cards").querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }

  function follow() {
    const wanted = decodeURIComponent(location.hash.slice(1));
    const next = cards.find(({ key }) => key === wanted) ?? cards[0] ?? null;
    const isOther = next?.key !== current?.key;
    current = next;
    show();
    if (!isOther || !next) return;
    find("cards").querySelector("[aria-current]").scrollIntoView({ block: "nearest", inline: "center" });
    chosen(next);
  }

  async function refresh() {
    if (document.hidden) return;
    const found = await load();
    if (JSON.stringify(found) === JSON.stringify(cards)) return;
    cards = found;
    follow();
  }

  addEventListener("hashchange", follow);
  document.addEventListener("visibilitychange", refresh);
  setInterval(refresh, FRESH_MS);
  return {
    /** Choose the first card, and look for more. */
    start() {
      follow();
      refresh();
    },
    refresh,
    show,
  };
}
