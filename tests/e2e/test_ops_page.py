"""The operations page in a real browser, over the real servers."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.pages import fits, new_page, serving
from tests.e2e.test_up import is_listening, wait_for
from tests.support import BUNDLED_STORE, ROOT, easel, free_port

pytestmark = pytest.mark.browser
VERSIONS = 12
DEPLOYMENT = {
    "labels": {"stable": 1, "canary": 12},
    "last_change": {
        "change": 1, "time": "2026-11-20T10:00:00+00:00", "actor": "jane", "action": "promote",
        "label": "canary", "from": None, "to": 12, "reason": "a trial",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits' model in many versions, of which the third has a damaged manifest."""
    root = tmp_path_factory.mktemp("ops") / "models"
    for number in range(1, VERSIONS + 1):
        folder = root / "numbers" / str(number)
        shutil.copytree(BUNDLED_STORE / "numbers" / "1", folder)
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        changed = manifest | {"version": number, "tag": f"try {number}"}
        (folder / "manifest.json").write_text(json.dumps(changed), "utf-8")
    (root / "numbers" / "3" / "manifest.json").write_text("{}", "utf-8")
    (root / "numbers" / "deployment.json").write_text(json.dumps(DEPLOYMENT), "utf-8")
    return root


@pytest.fixture(scope="module")
def address(store: Path) -> Iterator[str]:
    with serving(store) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with new_page(browser, f"{address}ops") as page:
        yield page


def ask(page: Page, address: str, model: str = "numbers") -> None:
    drawing = (ROOT / "docs" / "three.png").read_bytes()
    headers = {"Content-Type": "image/png"}
    assert page.request.post(f"{address}api/{model}", data=drawing, headers=headers).ok


def test_models_labels_and_traffic_are_shown(page: Page):
    card = page.locator("#models article").filter(has_text="numbers")
    expect(card.get_by_text("canary v12")).to_be_visible()
    expect(card.get_by_role("img", name=re.compile("Traffic: version 1: 100%"))).to_be_visible()
    expect(card.get_by_text(re.compile("canary: none → 12, by jane"))).to_be_visible()


def test_the_traffic_is_split_as_it_was(page: Page, address: str):
    ask(page, address, "models/numbers?version=12")
    card = page.locator("#models article").filter(has_text="numbers")
    expect(card.get_by_role("img", name=re.compile(r"Traffic: .*version 12: \d+%"))).to_be_visible()


def test_a_version_that_cannot_be_used_is_told_on_top(page: Page):
    expect(page.get_by_role("status").first).to_have_text("One thing needs attention.")
    expect(page.get_by_role("list", name="What needs attention")).to_contain_text("numbers/3")


def test_what_matters_is_shown_and_older_versions_are_folded_away(page: Page):
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows.filter(has_text="v12")).to_contain_text("canary")
    expect(rows.filter(has_text="v3")).to_contain_text("failed")
    expect(rows.filter(has_text="v2")).to_have_count(0)
    page.get_by_role("button", name=re.compile("more version")).click()
    expect(rows).to_have_count(VERSIONS + 1)
    assert page.evaluate("document.activeElement.tagName") == "TH"


def test_calls_appear_as_they_are_made(page: Page, address: str):
    calls = page.locator("#figures .rate dd")
    expect(calls).to_have_text("0", timeout=10_000)
    for _ in range(20):
        ask(page, address)
    expect(calls).not_to_have_text("0", timeout=10_000)
    expect(page.locator("#figures .p99 dd")).to_contain_text("ms")
    chart = page.get_by_role("img", name=re.compile("^Calls per second")).first
    chart.focus()
    page.keyboard.press("ArrowLeft")
    expect(chart).to_have_attribute("aria-label", re.compile(r"2 s ago: answered \d"))


def test_what_callers_get_wrong_is_shown_at_its_service(page: Page, address: str):
    service = page.locator("#services article").filter(has_text="classifier")
    chart = service.get_by_role("img", name=re.compile("^Calls per second"))
    expect(chart).to_have_attribute("aria-label", re.compile("failed 0"))
    for _ in range(10):
        page.request.post(f"{address}api/classifier", data={"image": "no picture"})
    expect(chart).to_have_attribute(
        "aria-label", re.compile(r"failed [1-9]|failed 0\.[1-9]"), timeout=10_000
    )
    expect(service).to_have_class("model ailing")


def test_the_page_asks_for_nothing_while_it_is_paused(page: Page):
    page.clock.install()
    page.reload()
    expect(page.locator("#figures")).not_to_be_empty()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#updated")).to_have_text("Paused")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(60_000)
    assert asked == []
    with page.expect_request("**/api/ops"):
        page.get_by_role("button", name="Resume").click()


def test_nothing_on_the_page_can_change_anything(page: Page):
    methods: set[str] = set()
    page.on("request", lambda request: methods.add(request.method))
    for button in page.get_by_role("button").all():
        button.click()
    with page.expect_response("**/api/ops"):
        page.locator("#pause").click()
    assert methods == {"GET"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_korean(browser: Browser, address: str, scheme: str):
    with new_page(
        browser, f"{address}ops", locale="ko-KR", color_scheme=scheme, is_mobile=True,
        viewport={"width": 360, "height": 740},
    ) as page:  # fmt: skip
        expect(page.get_by_role("heading", name="모델", exact=True)).to_be_visible()
        expect(page.locator("#models article")).to_have_count(1)
        assert fits(page)


def test_a_screenshot_can_be_looked_at(page: Page, tmp_path: Path):
    expect(page.locator("#models article")).to_have_count(1)
    folder = Path(os.environ.get("EASEL_SCREENSHOTS", tmp_path))
    page.screenshot(path=folder / "ops.png")
    assert (folder / "ops.png").stat().st_size > 10_000


def test_an_empty_store_and_a_server_that_is_away_are_said(browser: Browser, tmp_path: Path):
    port = free_port()
    with easel("adapter", "--store", str(tmp_path), "--port", str(port),
               "--model_server", f"127.0.0.1:{free_port()}"):  # fmt: skip
        wait_for(lambda: is_listening(port))
        with new_page(browser, f"http://127.0.0.1:{port}/ops") as page:
            expect(page.get_by_text("The store has no models yet.")).to_be_visible()
            troubles = page.get_by_role("list", name="What needs attention")
            expect(troubles).to_contain_text("is not ready")
