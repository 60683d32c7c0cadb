// The page's language: which one, remembering it, and putting texts where the HTML asks for them.

const STORAGE_KEY = "easel.language";

/**
 * The language of a page whose texts are *catalogues* ({en, ko}, each a table of texts).
 *
 * The button *button* switches; *changed* is called after every switch, and once by start().
 */
export function createLanguage({ catalogues, button, changed }) {
  let code = preferred(catalogues);
  const texts = () => catalogues[code];

  function apply() {
    const other = code === "ko" ? "en" : "ko";
    document.documentElement.lang = code;
    for (const element of document.querySelectorAll("[data-text]")) {
      element.textContent = texts()[element.dataset.text];
    }
    for (const element of document.querySelectorAll("[data-label]")) {
      element.setAttribute("aria-label", texts()[element.dataset.label]);
    }
    button.lang = other;
    button.textContent = other === "ko" ? "한국어" : "English";
    changed();
  }

  button.addEventListener("click", () => {
    code = code === "ko" ? "en" : "ko";
    remember(code);
    apply();
  });
  return {
    /** "en" or "ko". */
    code: () => code,
    /** All texts of the current language. */
    texts,
    /** Write every text for the first time. */
    start: apply,
  };
}

// The language chosen before, else the browser's when we speak it, else English.
function preferred(catalogues) {
  const remembered = recall();
  if (Object.hasOwn(catalogues, remembered)) return remembered;
  return /^ko\b/i.test(navigator.language) ? "ko" : "en";
}

function remember(code) {
  try {
    localStorage.setItem(STORAGE_KEY, code);
  } catch {
    // Storage is off or full: the choice holds for this visit only.
  }
}

function recall() {
  try {
    return localStorage.getItem(STORAGE_KEY) ?? "";
  } catch {
    return "";
  }
}
