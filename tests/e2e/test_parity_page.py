"""``parity.html`` in a real browser: it asks nobody for anything, fits a phone, and runs no script."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from export.parity import from_samples, prove_on
from export.parity.page import About, write_html
from model_store.spec import Signature, TensorSpec

pytestmark = pytest.mark.browser

IMAGES = np.random.default_rng(4).integers(0, 256, (9, 16, 16, 3), np.uint8)
SIGNATURE = Signature((TensorSpec("image", "uint8", (None, 16, 16, 3)),), ())
LABELS = ("고양이", "<img src=x onerror=alert(1)>", "a very long label " * 8)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    def scores(inputs):
        flat = inputs["image"].reshape(len(inputs["image"]), -1)[:, :3]
        return {"scores": np.float32(flat / flat.sum(axis=1, keepdims=True))}

    def exported(inputs):
        return {"scores": scores(inputs)["scores"][:, ::-1]}

    proof = prove_on(scores, exported, from_samples({"image": IMAGES}, SIGNATURE, "nine"))
    path = tmp_path_factory.mktemp("page") / "parity.html"
    write_html(proof.report, proof.evidence, path, About("cats/1", "cats.h5", LABELS))
    return path.as_uri()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1200, "dark")])
def test_the_page_stands_alone_and_fits(browser, address, width, scheme):
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, locale="en-GB"
    )
    page = context.new_page()
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(address)
    expect(page.get_by_text("고양이").first).to_be_visible()
    expect(page.get_by_text(LABELS[1]).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(
        "[...document.images].every(image => image.complete && image.naturalWidth === 16)"
    )
    assert [url for url in asked if not url.startswith("data:image/png;base64,")] == [address]
    assert said == []
    context.close()
