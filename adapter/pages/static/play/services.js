// What can be chosen on the page, as data: a card for each service that this adapter offers and
// for each model of its store. Knows no element; page.js draws the cards.

const ICONS = {
  numbers: "M7 5h9l-5 6a4.5 4.5 0 1 1-4 7",
  classifier: "M5 20V8l3 3h8l3-3v12M9 15h.01M15 15h.01M10.5 18.5c1 .7 2 .7 3 0",
  fingers: "M8 13V6.5a1.5 1.5 0 0 1 3 0V11m0-6.5a1.5 1.5 0 0 1 3 0V11m0-4.5a1.5 1.5 0 0 1 3 0V15c0 4-2.5 6-5.5 6S7.5 19.5 6 17l-2-3.5a1.5 1.5 0 0 1 2.5-1.5L8 14",
  visionapi: "M4 12V5a1 1 0 0 1 1-1h7l8 8-8 8zM8.5 8.5h.01",
  aivoice: "M4 10v4M8 7v10M12 4v16M16 8v8M20 10.5v3",
  model: "m12 3 8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12 4 7.5",
};

// isLive: asked while the pen moves; others cost more and are asked when the picture stands still.
// source: what the sheet shows when the service is chosen; null keeps what is there.
const SERVICES = [
  { key: "numbers", view: "digits", source: "draw", isLive: true },
  { key: "classifier", view: "words", source: "draw", isLive: true },
  { key: "fingers", view: "fingers", source: "camera", isLive: false },
  { key: "visionapi", view: "tags", source: "picture", isLive: false },
  { key: "aivoice", view: "voice", source: null, isLive: false },
];

/** What the server said it offers, as "POST /api/numbers" among others. */
export function readOffers() {
  return new Set((document.body.dataset.offers ?? "").split(",").filter(Boolean));
}

/** The cards of the services among *offers*, in the page's order. */
export function toServiceCards(offers) {
  return SERVICES.filter(({ key }) => offers.has(`POST /api/${key}`)).map((service) => ({
    ...service,
    path: `api/${service.key}`,
    explain: explainPath(offers, service.key),
    icon: ICONS[service.key],
    model: null,
  }));
}

/** The cards of models that name pictures and have no card as a service already. */
export function toModelCards(models, offers) {
  const known = new Set(SERVICES.map(({ key }) => key).filter((key) => offers.has(`POST /api/${key}`)));
  const isNew = ({ name, route, gives }) => route && gives === "scores" && !known.has(name);
  return models.filter(isNew).map((model) => ({
    key: `model/${model.name}`,
    view: "words",
    source: null,
    isLive: true,
    path: `api/models/${encodeURIComponent(model.name)}`,
    explain: offers.has("POST /api/models/<name>/explain")
      ? `api/models/${encodeURIComponent(model.name)}/explain`
      : null,
    icon: ICONS.model,
    model,
  }));
}

// A service's picture is explained by its own route, else by that of the model of the same name.
function explainPath(offers, key) {
  if (offers.has(`POST /api/${key}/explain`)) return `api/${key}/explain`;
  const isModel = key === "numbers" || key === "classifier";
  return isModel && offers.has("POST /api/models/<name>/explain") ? `api/models/${key}/explain` : null;
}
