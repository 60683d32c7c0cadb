"""What the tests of the pages share: real servers, pages that must not complain, a hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support import BUNDLED_STORE, easel, free_port, read_until

Stroke = Sequence[tuple[float, float]]

# Strokes as a hand draws them, in hundredths of the canvas.
STROKES: dict[str, Sequence[Stroke]] = {
    "1": [[(50, 15), (50, 85)]],
    "3": [[(30, 22), (45, 14), (62, 20), (64, 34), (50, 46), (44, 47), (58, 51), (68, 64), (62, 80),
           (46, 86), (30, 78)]],
    "7": [[(28, 18), (72, 18), (60, 45), (46, 84)]],
    "71": [[(8, 28), (38, 28), (30, 50), (20, 76)], [(72, 26), (72, 76)]],
    "house": [[(20, 45), (20, 85), (80, 85), (80, 45)], [(10, 50), (50, 12), (90, 50)],
              [(42, 85), (42, 62), (58, 62), (58, 85)]],
}  # fmt: skip


# Gives [] or what is wrong with every visible text: too little contrast (WCAG AA).
_CONTRAST = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const toRgb = (color, below) => {
    if (below) { context.fillStyle = `rgb(${below})`; context.fillRect(0, 0, 1, 1); }
    else context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => rgb.slice(0, 3).map((each) => each / 255)
    .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    .reduce((sum, each, i) => sum + each * [0.2126, 0.7152, 0.0722][i], 0);
  const backgroundOf = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      layers.unshift(getComputedStyle(each).backgroundColor);
    }
    return layers.reduce((below, color) => toRgb(color, below.slice(0, 3)), [255, 255, 255]);
  };
  const wrong = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest("noscript, .unseen, option, [aria-disabled=true], svg")) continue;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const box = element.getBoundingClientRect();
    if (box.width <= 1 || box.height <= 1) continue;
    const style = getComputedStyle(element);
    const background = backgroundOf(element).slice(0, 3);
    const [a, b] = [light(toRgb(style.color, background)), light(background)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) wrong.push(`${node.textContent.trim()}: ${ratio.toFixed(2)}`);
  }
  return wrong;
}"""

# Everything that can be reached and has no name for those who do not see it.
_NAMELESS = """() => [...document.querySelectorAll("a, button, input, select, textarea, summary, [tabindex], img, video")]
  .filter((each) => each.checkVisibility() && !each.closest("[aria-hidden=true]"))
  .filter((each) => !(each.getAttribute("aria-label") || each.getAttribute("aria-labelledby")
    || each.textContent.trim() || each.labels?.[0]?.textContent.trim() || each.hasAttribute("alt")))
  .map((each) => each.outerHTML)"""


@contextmanager
def open_browser(chromium: str, *flags: str) -> Iterator[Browser]:
    """The system's Chromium, asking nobody for anything."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                *flags,
            ],
        )  # fmt: skip
        yield browser
        browser.close()


@contextmanager
def serving(
    store: Path = BUNDLED_STORE, *flags: str, env: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The address of the pages, with an adapter and a model server of their own."""
    ports = {name: str(free_port()) for name in ("--port", "--grpc-port", "--rest-port")}
    arguments = [text for pair in ports.items() for text in pair]
    with easel("up", "--store", str(store), *arguments, *flags, env=env) as process:
        read_until(process, "Easel is ready")
        yield f"http://127.0.0.1:{ports['--port']}/"


@contextmanager
def new_page(browser: Browser, address: str, **context: Any) -> Iterator[Page]:
    """A page at *address*, which must not have complained in the end."""
    place = browser.new_context(**{"locale": "en-GB", **context})
    page = place.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda said: (
            problems.append(f"{said.text} {said.location}") if said.type == "error" else None
        ),
    )
    page.goto(address)
    yield page
    place.close()
    assert problems == [], problems


def draw(page: Page, strokes: Sequence[Stroke]) -> None:
    """Draw with the pointer."""
    canvas = page.locator("#canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    for stroke in strokes:
        points = [
            (box["x"] + x * box["width"] / 100, box["y"] + y * box["height"] / 100)
            for x, y in stroke
        ]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=6)
        page.mouse.up()


def fits(page: Page) -> bool:
    """Whether nothing sticks out sideways."""
    return bool(
        page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
    )


def low_contrasts(page: Page) -> list[str]:
    """Texts that are hard to read, with their contrast."""
    return list(page.evaluate(_CONTRAST))


def nameless(page: Page) -> list[str]:
    """What a screen reader has no name for."""
    return list(page.evaluate(_NAMELESS))
