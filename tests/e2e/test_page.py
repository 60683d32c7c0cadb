"""The drawing page in a real browser, over the real server."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.pages import STROKES, draw, fits, new_page, serving
from tests.e2e.test_up import is_listening, wait_for
from tests.support import BUNDLED_STORE, easel, free_port, read_until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with new_page(browser, address) as page:
        yield page


@pytest.mark.parametrize("digit", ["1", "3", "7"])
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
    assert fits(page)
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
