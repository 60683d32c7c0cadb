"""What the tests of the pages share: real servers, pages that must not complain, a hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.support import BUNDLED_STORE, easel, free_port, read_until

Stroke = Sequence[tuple[float, float]]

# Strokes as a hand draws them, in hundredths of the canvas.
STROKES: dict[str, Sequence[Stroke]] = {
    "1": [[(50, 15), (50, 85)]],
    "3": [[(30, 22), (45, 14), (62, 20), (64, 34), (50, 46), (44, 47), (58, 51), (68, 64), (62, 80),
           (46, 86), (30, 78)]],
    "7": [[(28, 18), (72, 18), (60, 45), (46, 84)]],
    "house": [[(20, 45), (20, 85), (80, 85), (80, 45)], [(10, 50), (50, 12), (90, 50)],
              [(42, 85), (42, 62), (58, 62), (58, 85)]],
}  # fmt: skip


@contextmanager
def serving(store: Path = BUNDLED_STORE, *flags: str) -> Iterator[str]:
    """The address of the pages, with an adapter and a model server of their own."""
    ports = {name: str(free_port()) for name in ("--port", "--grpc-port", "--rest-port")}
    arguments = [text for pair in ports.items() for text in pair]
    with easel("up", "--store", str(store), *arguments, *flags) as process:
        read_until(process, "Easel is ready")
        yield f"http://127.0.0.1:{ports['--port']}/"


@contextmanager
def new_page(browser: Browser, address: str, **context: Any) -> Iterator[Page]:
    """A page at *address*, which must not have complained in the end."""
    place = browser.new_context(**{"locale": "en-GB", **context})
    page = place.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.goto(address)
    yield page
    place.close()
    assert problems == []


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
