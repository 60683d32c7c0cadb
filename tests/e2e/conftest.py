"""A real browser, for the tests that look at pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.pages import open_browser

CHROMIUM = (
    os.environ.get("EASEL_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH; install Debian's package chromium")
    return CHROMIUM


# While Playwright runs, its event loop does, and no other test could have one.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with open_browser(chromium) as browser:
        yield browser
