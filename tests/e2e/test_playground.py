"""The playground's services in a real browser, over the real servers."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.pages import STROKES, draw, fits, low_contrasts, nameless, new_page, serving
from tests.e2e.test_up import wait_for
from tests.support import BUNDLED_STORE, ROOT

pytestmark = pytest.mark.browser
THREE = ROOT / "docs" / "three.png"

# A file as the system hands it over: dropped on the page, or pasted into it.
_HAND_OVER = """([kind, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "three.png", { type: "image/png" }));
  const options = { bubbles: true, cancelable: true };
  document.dispatchEvent(kind === "drop"
    ? new DragEvent("drop", { ...options, dataTransfer: transfer })
    : new ClipboardEvent("paste", { ...options, clipboardData: transfer }));
}"""


def publish_copy(store: Path, name: str, copy: str) -> None:
    """Publish a model's first version once more, under another name."""
    folder = store / copy / ".1"
    shutil.copytree(store / name / "1", folder)
    manifest = folder / "manifest.json"
    named = json.loads(manifest.read_text("utf-8")) | {"model": copy}
    manifest.write_text(json.dumps(named), "utf-8")
    folder.rename(folder.with_name("1"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled models, and that of doodles as the one that tags photographs."""
    root = tmp_path_factory.mktemp("play") / "models"
    shutil.copytree(BUNDLED_STORE, root)
    publish_copy(root, "classifier", "tagging")
    return root


@pytest.fixture(scope="module")
def address(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    os.environ["EASEL_FEEDBACK_LOG"] = str(tmp_path_factory.mktemp("log"))
    with serving(store) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with new_page(browser, address) as page:
        yield page


def choose(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="What to try").get_by_role("link", name=name).click()


def test_the_same_drawing_is_given_to_whichever_service_is_chosen(page: Page):
    draw(page, STROKES["house"])
    choose(page, "Doodles")
    expect(page.locator("#label")).to_have_text("house")
    expect(page).to_have_url(re.compile("#classifier$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Doodle something.")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Draw a digit.")


def test_a_chosen_file_is_read(page: Page):
    page.get_by_role("radio", name="Picture").check()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files(THREE)
    expect(page.locator("#label")).to_have_text("3")
    expect(page.get_by_role("img", name="The picture that you chose")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#label")).to_have_text("")
    expect(page.get_by_role("button", name="Choose a picture")).to_be_focused()


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_may_be_dropped_and_pasted(page: Page, kind: str):
    page.evaluate(_HAND_OVER, [kind, base64.b64encode(THREE.read_bytes()).decode()])
    expect(page.locator("#label")).to_have_text("3")
    expect(page.get_by_role("radio", name="Picture")).to_be_checked()


def test_a_file_that_is_no_picture_is_told(page: Page, tmp_path: Path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG and no more")
    page.set_input_files("#file", broken)
    expect(page.get_by_role("alert")).to_contain_text("no picture that your browser can read")
    page.set_input_files("#file", THREE)
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator("#label")).to_have_text("3")


def test_the_drawing_is_still_there_after_a_picture(page: Page):
    draw(page, STROKES["7"])
    page.set_input_files("#file", THREE)
    expect(page.locator("#label")).to_have_text("3")
    page.get_by_role("radio", name="Draw").check()
    expect(page.locator("#label")).to_have_text("7")


def test_tags_say_kindly_who_was_not_asked(page: Page):
    choose(page, "Tags")
    page.set_input_files("#file", THREE)
    expect(page.get_by_text("The web was not asked this time.")).to_be_visible()
    expect(page.locator("#headline")).not_to_be_empty()


@pytest.mark.parametrize(
    ("language", "text"), [("en-US", "Good morning."), ("ko-KR", "좋은 아침이에요.")]
)
def test_a_text_is_spoken_and_can_be_heard_again(page: Page, language: str, text: str):
    choose(page, "Voice")
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_label("Language").select_option(language)
    page.get_by_label("Speed").fill("1.5")
    with page.expect_request("**/api/aivoice") as asked:
        page.get_by_role("button", name="Say it").click()
    assert asked.value.post_data_json == {"text": text, "language": language, "rate": 1.5}
    expect(page.get_by_role("button", name=re.compile("Pause|Play"))).to_be_visible()
    expect(page.locator("#shape rect")).to_have_count(72)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible(timeout=15_000)
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_role("slider", name="Position")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).stat().st_size > 1000


def test_several_digits_are_read_and_each_can_be_looked_at(page: Page):
    draw(page, STROKES["71"])
    expect(page.locator("#label")).to_have_text("71")
    expect(page.locator("#overlay rect")).to_have_count(2)
    page.get_by_role("button", name=re.compile("^Digit 1: 7")).click()
    expect(page.locator(".winner")).to_have_attribute("data-class", "7")
    page.get_by_role("button", name=re.compile("^Digit 2: 1")).press("Enter")
    expect(page.locator(".winner")).to_have_attribute("data-class", "1")


# How strongly the heat glows where it does most, and in a corner without ink: alpha from 0 to 255.
_GLOW = """() => {
  const heat = document.getElementById("heat");
  const { data } = heat.getContext("2d").getImageData(0, 0, heat.width, heat.height);
  const alphas = data.filter((_, i) => i % 4 === 3);
  return [alphas.reduce((most, each) => Math.max(most, each), 0), alphas[0]];
}"""


@pytest.mark.parametrize(("service", "drawn"), [("Digits", "71"), ("Doodles", "house")])
def test_the_strokes_that_mattered_glow_until_that_is_turned_off(
    page: Page, service: str, drawn: str
):
    choose(page, service)
    page.get_by_role("switch", name="Show what mattered").check()
    draw(page, STROKES[drawn])
    expect(page.locator("#heat")).to_be_visible()
    expect(page.locator("#legend")).to_contain_text("What spoke for")
    most, corner = page.evaluate(_GLOW)
    assert most > 200
    assert corner < 100
    page.get_by_role("switch", name="Show what mattered").uncheck()
    expect(page.locator("#heat")).to_be_hidden()
    expect(page.locator("#legend")).to_be_hidden()


def test_a_drawing_that_changes_loses_the_explanation_of_what_it_was(page: Page):
    page.get_by_role("switch", name="Show what mattered").check()
    draw(page, STROKES["7"])
    expect(page.locator("#heat")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#heat")).to_be_hidden()


def test_a_wrong_answer_is_put_right_and_kept(page: Page):
    draw(page, STROKES["3"])
    expect(page.locator("#label")).to_have_text("3")
    page.get_by_role("button", name="Not right?").click()
    page.get_by_label("What is it?").fill("8")
    with page.expect_request("**/api/feedback") as asked:
        page.keyboard.press("Enter")
    sent = asked.value.post_data_json
    assert (sent["label"], sent["model"], sent["version"]) == ("8", "numbers", 1)
    assert sent["base64_drawing"].startswith("data:image/png;base64,")
    expect(page.get_by_text("Thank you.")).to_be_visible()
    expect(page.locator("#label")).to_have_text("3")


def test_everything_can_be_reached_with_the_keyboard_in_the_order_it_is_seen(page: Page):
    reached = []
    for _ in range(16):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.hash"))
    wanted = ["language", "#numbers", "#aivoice", "canvas", "source-draw"]
    assert [each for each in reached if each in wanted] == wanted
    page.keyboard.press("Escape")
    page.locator("#cards a").nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Doodle something.")
    expect(page.locator("#cards a").nth(1)).to_be_focused()


def test_a_model_that_is_published_gets_a_card_with_no_code(page: Page, store: Path):
    cards = page.get_by_role("navigation", name="What to try").get_by_role("link")
    expect(cards.filter(has_text="sketches")).to_have_count(0)
    publish_copy(store, "classifier", "sketches")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    choose(page, "sketches")
    expect(page.get_by_role("heading", level=1)).to_have_text("Try sketches.")
    # The card is there with the version; the model server takes a moment to load it.
    headers = {"Content-Type": "image/png"}
    route = page.url.partition("#")[0] + "api/models/sketches"
    wait_for(lambda: page.request.post(route, data=THREE.read_bytes(), headers=headers).ok)
    draw(page, STROKES["house"])
    expect(page.locator("#label")).to_have_text("house")
    expect(page.locator("#version")).to_have_text("sketches · version 1")


@pytest.mark.parametrize(
    ("service", "scheme"),
    [
        ("numbers", "light"),
        ("classifier", "dark"),
        ("fingers", "light"),
        ("visionapi", "dark"),
        ("aivoice", "light"),
    ],
)
def test_each_service_is_readable_and_named_on_a_phone(
    browser: Browser, address: str, service: str, scheme: str
):
    with new_page(
        browser, f"{address}#{service}", locale="ko-KR", color_scheme=scheme, is_mobile=True,
        viewport={"width": 360, "height": 740},
    ) as page:  # fmt: skip
        expect(page.locator("#cards [aria-current]")).to_be_visible()
        if service != "aivoice":
            page.set_input_files("#file", THREE)
            expect(page.locator("#latency")).not_to_be_empty()
        page.evaluate("document.getAnimations().forEach((each) => each.finish())")
        assert fits(page)
        assert low_contrasts(page) == []
        assert nameless(page) == []


def test_what_is_not_offered_is_not_shown(browser: Browser):
    os.environ.pop("EASEL_FEEDBACK_LOG", None)
    os.environ["EASEL_ADAPTER_SERVICES"] = "numbers"
    try:
        with serving() as address, new_page(browser, address) as page:
            cards = page.get_by_role("navigation", name="What to try").get_by_role("link")
            expect(cards).to_have_text(["Digits"])
            draw(page, STROKES["7"])
            expect(page.locator("#label")).to_have_text("7")
            expect(page.get_by_role("button", name="Not right?")).to_be_hidden()
    finally:
        del os.environ["EASEL_ADAPTER_SERVICES"]
