"""The page of the API in a real browser, over the real servers, where a key is needed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.pages import fits, new_page, serving
from tests.support import easel_command

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A file of keys, and a key that may predict."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    command = easel_command("keys", "add", "reader", "--key_file", str(path), "--json")
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return path, json.loads(done.stdout)["key"]


@pytest.fixture(scope="module")
def address(keys: tuple[Path, str]) -> Iterator[str]:
    with serving(env={"EASEL_ACCESS_KEY_FILE": str(keys[0])}) as address:
        yield address


def test_a_reader_gives_a_key_and_tries_the_example(
    browser: Browser, address: str, keys: tuple[Path, str]
):
    with new_page(browser, f"{address}docs") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.locator(".auth-wrapper .authorize").first.click()
        page.get_by_label("auth-bearer-value").fill(keys[1])
        page.locator(".modal-ux .authorize").first.click()
        page.locator(".modal-ux .btn-done").first.click()
        operation = page.locator(".opblock", has_text="/api/numbers").first
        operation.locator(".opblock-summary-control").click()
        operation.locator(".execute").click()
        answer = operation.locator(".live-responses-table .highlight-code").first
        expect(answer).to_contain_text('"label": "3"')
        assert asked
        assert all(url.startswith((address, "data:", "blob:")) for url in asked)
        page.set_viewport_size({"width": 390, "height": 844})
        assert fits(page)
