"""The camera, which is a film of a hand that Chromium plays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Browser, Page, expect

from tests.e2e.pages import new_page, open_browser, serving
from tests.support import ROOT

pytestmark = pytest.mark.browser
HANDS = ROOT / "export" / "recipes" / "hands"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A motion JPEG of a hand with five fingers up."""
    path = tmp_path_factory.mktemp("film") / "hand.mjpeg"
    hand = Image.open(HANDS / "photo-5-window.jpg").convert("RGB")
    ImageOps.pad(hand, (640, 480)).save(path, "JPEG", quality=92)
    path.write_bytes(path.read_bytes() * 4)
    return path


@pytest.fixture(scope="module")
def browser(chromium: str, film: Path) -> Iterator[Browser]:
    flags = (
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    with open_browser(chromium, *flags) as browser:
        yield browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as address:
        yield address


def start(page: Page) -> None:
    page.get_by_role("radio", name="Camera").check()
    page.get_by_role("button", name="Start the camera").click()


def test_a_photo_is_taken_sent_once_and_the_camera_let_go(browser: Browser, address: str):
    with new_page(browser, f"{address}#classifier", permissions=["camera"]) as page:
        start(page)
        shoot = page.get_by_role("button", name="Take photo")
        expect(shoot).to_be_focused()
        with page.expect_request("**/api/classifier") as asked:
            page.keyboard.press("Enter")
        sent = asked.value.post_data_json["base64_drawing"]
        assert sent.startswith("data:image/jpeg;base64,")
        expect(page.get_by_role("img", name="The photo that you took")).to_be_visible()
        expect(page.locator("#latency")).not_to_be_empty()
        assert page.evaluate("document.getElementById('video').srcObject") is None
        page.get_by_role("button", name="Once more").click()
        expect(shoot).to_be_visible()
        expect(page.locator("#label")).to_have_text("")


def test_the_fingers_on_the_photo_are_counted_and_the_hand_is_drawn_over_it(
    browser: Browser, address: str
):
    with new_page(browser, f"{address}#fingers", permissions=["camera"]) as page:
        page.get_by_role("button", name="Start the camera").click()
        page.get_by_role("button", name="Take photo").click()
        expect(page.locator("#label")).to_have_text("5")
        expect(page.locator("#overlay .joint")).to_have_count(21)
        expect(page.locator("#overlay .joint.tip")).to_have_count(5)
        fingers = page.get_by_role("list", name="Fingers").get_by_role("listitem")
        expect(fingers).to_have_text([re.compile("up$")] * 5)
        page.get_by_role("button", name="Once more").click()
        expect(page.locator("#overlay .joint")).to_have_count(0)


@pytest.mark.parametrize("count", [0, 2, 4])
def test_the_fingers_of_a_drawn_hand_are_counted(browser: Browser, address: str, count: int):
    with new_page(browser, f"{address}#fingers") as page:
        page.set_input_files("#file", HANDS / f"drawn-{count}.png")
        expect(page.locator("#label")).to_have_text(str(count))
        expect(page.locator(".fingers .up")).to_have_count(count)


def test_a_picture_without_a_hand_is_told_so(browser: Browser, address: str):
    with new_page(browser, f"{address}#fingers") as page:
        page.set_input_files("#file", ROOT / "docs" / "three.png")
        expect(page.locator("#verdict")).to_contain_text("No hand was found.")


def test_leaving_the_camera_turns_it_off(browser: Browser, address: str):
    with new_page(browser, address, permissions=["camera"]) as page:
        start(page)
        expect(page.get_by_role("button", name="Take photo")).to_be_visible()
        page.evaluate("window.track = document.getElementById('video').srcObject.getTracks()[0]")
        page.get_by_role("radio", name="Draw").check()
        assert page.evaluate("window.track.readyState") == "ended"


def test_a_camera_that_is_not_allowed_is_told(browser: Browser, address: str):
    with new_page(browser, address, permissions=[]) as page:
        start(page)
        expect(page.get_by_role("alert")).to_contain_text("The camera is not allowed.")
        page.get_by_role("radio", name="Picture").check()
        expect(page.get_by_role("alert")).to_be_hidden()
