"""The page in a browser, where Easel is mounted under a prefix of a Django project."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.pages import STROKES, draw
from tests.examples.conftest import GUNICORN
from tests.examples.servers import Example, running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def django(numbers_server) -> Iterator[Example]:
    with running("django", GUNICORN, "/easel", numbers_server.address) as example:
        yield example


def test_from_the_projects_page_to_a_digit_that_is_read(browser: Browser, django: Example):
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{django.address}/")
    page.get_by_role("link", name="Draw something").click()
    draw(page, STROKES["3"])
    expect(page.locator("#label")).to_have_text("3")
    context.close()
    outside = [url for url in asked if not url.startswith((f"{django.address}/easel/", "data:"))]
    assert set(outside) <= {f"{django.address}/", f"{django.address}/favicon.ico"}
