"""The drawing page in a real browser, over the real server."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_up import is_listening, wait_for
from tests.support import BUNDLED_STORE, easel, free_port, read_until

pytestmark = pytest.mark.browser

# Strokes as a hand draws them, in hundredths of the canvas.
STROKES = {
    "1": [[(50, 15), (50, 85)]],
    "3": [[(30, 22), (45, 14), (62, 20), (64, 34), (50, 46), (44, 47), (58, 51), (68, 64), (62, 80),
           (46, 86), (30, 78)]],
    "7": [[(28, 18), (72, 18), (60, 45), (46, 84)]],
}  # fmt: skip


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    port = free_port()
    with easel(
        "up",
        "--store",
        str(BUNDLED_STORE),
        "--port",
        str(port),
        "--grpc-port",
        str(free_port()),
        "--rest-port",
        str(free_port()),
    ) as process:
        read_until(process, "Easel is ready")
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.goto(address)
    yield page
    context.close()
    assert problems == []


def draw(page: Page, strokes: list[list[tuple[int, int]]]) -> None:
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


@pytest.mark.parametrize("digit", STROKES)
def test_a_drawn_digit_is_read_with_ten_bars_and_the_version(page: Page, digit: str):
    draw(page, STROKES[digit])
    expect(page.locator("#label")).to_have_text(digit)
    scores = [
        float(page.locator(f'[data-class="{each}"]').get_attribute("data-score") or -1)
        for each in range(10)
    ]
    assert max(range(10), key=scores.__getitem__) == int(digit)
    assert sum(scores) == pytest.approx(1.0, abs=0.01)
    expect(page.locator("#version")).to_contain_text("1")
    expect(page.locator("#latency")).to_contain_text(re.compile(r"\d"))
    expect(page.locator("#notice")).to_be_hidden()


def test_clear_takes_the_answer_away_and_undo_brings_it_back(page: Page):
    draw(page, STROKES["3"])
    expect(page.locator("#label")).to_have_text("3")
    page.locator("#clear").click()
    expect(page.locator("#label")).to_have_text("")
    page.locator("#undo").click()
    expect(page.locator("#label")).to_have_text("3")


def test_the_page_speaks_korean_and_remembers_it(page: Page):
    page.locator("#language").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.locator("#clear")).to_contain_text(re.compile("[가-힣]"))


def test_a_digit_can_be_drawn_with_the_keyboard_alone(page: Page):
    page.locator("#canvas").focus()
    for _ in range(7):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    for _ in range(14):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator("#label")).to_have_text("1")


def test_it_fits_a_phone(browser: Browser, address: str):
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    draw(page, STROKES["7"])
    expect(page.locator("#label")).to_have_text("7")
    context.close()


def test_a_server_that_goes_away_is_said_and_the_drawing_stays(browser: Browser):
    port, grpc_port = free_port(), free_port()
    with easel("adapter", "--store", str(BUNDLED_STORE), "--port", str(port),
               "--model_server", f"127.0.0.1:{grpc_port}"):  # fmt: skip
        wait_for(lambda: is_listening(port))
        page = browser.new_context(locale="en-GB").new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        draw(page, STROKES["3"])
        expect(page.locator("#notice")).to_be_visible()
        with easel(
            "serve", "--store", str(BUNDLED_STORE), "--port", str(grpc_port), "--rest_api_port", "0"
        ) as server:
            read_until(server, "easel serve: ")
            expect(page.locator("#label")).to_have_text("3", timeout=15_000)
            expect(page.locator("#notice")).to_be_hidden()
        page.context.close()


def test_a_screenshot_can_be_looked_at(page: Page, tmp_path: Path):
    draw(page, STROKES["3"])
    expect(page.locator("#label")).to_have_text("3")
    folder = Path(os.environ.get("EASEL_SCREENSHOTS", tmp_path))
    page.screenshot(path=folder / "page.png")
    assert (folder / "page.png").stat().st_size > 10_000
