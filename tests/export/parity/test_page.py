"""``parity.html``: it stands alone, says what the report says, and lets nothing foreign in."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.parity import Divergence, from_samples, prove_on, seeded
from export.parity.drawing import histogram
from export.parity.evidence import Evidence, Gathering
from export.parity.page import About, to_html, write_html
from export.parity.report import ParityReport
from export.parity.tolerance import LOOSE, STANDARD
from model_store.spec import Signature, TensorSpec

IMAGES = np.random.default_rng(4).integers(0, 256, (9, 8, 8, 1), np.uint8)
DRAWINGS = Signature((TensorSpec("image", "uint8", (None, 8, 8, 1)),), ())
LABELS = ("cat", "<script>alert(1)</script>", '새 & "quoted"')


class Reader(HTMLParser):
    """Tags must nest and close; collects them, their attributes, and the text."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def scores(inputs):
    flat = inputs["image"].reshape(len(inputs["image"]), -1)[:, :3] / 255
    powers = np.exp(flat)
    return {"scores": np.float32(powers / powers.sum(axis=1, keepdims=True))}


def wrong_scores(inputs):
    return {"scores": scores(inputs)["scores"][:, ::-1]}


def proven(exported, signature=DRAWINGS, trials=None):
    return prove_on(
        scores, exported, trials or from_samples({"image": IMAGES}, signature, "nine pictures")
    )


def read(report, evidence, about=None):
    return Reader(to_html(report, evidence, about or About("animals/3", "a.keras", LABELS)))


def test_a_passed_report_says_so_with_its_numbers():
    proof = proven(scores)
    page = read(proof.report, proof.evidence)
    assert "The exported model equals its source" in page.text
    for said in ("animals/3", "a.keras", "scores", "nine pictures", "100 %", "1, 2, 7, 32", "onnx"):
        assert said in page.text
    assert page.tags.count("svg") == 2
    assert "does not equal" not in page.text


def test_the_worst_inputs_are_shown_as_pictures_with_both_answers():
    proof = proven(wrong_scores)
    page = read(proof.report, proof.evidence)
    assert page.tags.count("img") == 6
    row = proof.evidence.rows[0]
    assert np.array_equal(row.got["scores"], row.want["scores"][::-1])
    for score in (row.want["scores"].max(), row.got["scores"].max()):
        assert f"{np.floor(score * 1e4) / 100:.4g} %" in page.text
    assert "cat" in page.text


def test_a_failed_report_says_what_differs_and_in_which_layer():
    proof = proven(wrong_scores)
    found = Divergence("dense", "MatMul", "m/dense/MatMul", "t", 0.5, "pool", ("MatMul", "Add"))
    page = read(replace(proof.report, divergence=found), proof.evidence)
    assert "The exported model does not equal its source" in page.text
    assert "Output scores at batch" in page.text
    assert "equal up to pool" in page.text
    assert "first other layer dense" in page.text
    assert "MatMul m/dense/MatMul , by way of MatMul → Add. It is off by 0.5." in page.text
    alone = replace(proof.report, divergence=Divergence("dense"))
    assert "equal up to the inputs" in read(alone, proof.evidence).text


def test_labels_are_text_and_never_markup():
    proof = proven(wrong_scores)
    page = read(proof.report, proof.evidence)
    assert "script" not in page.tags
    assert LABELS[1] in page.text
    assert LABELS[2] in page.text


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(max_examples=40)
@given(TEXT, TEXT, st.lists(TEXT, min_size=3, max_size=3), TEXT)
def test_no_name_of_anything_becomes_markup(title, name, labels, note):
    def named(inputs):
        return {name: scores(inputs)["scores"]}

    proof = prove_on(named, named, from_samples({"image": IMAGES}, DRAWINGS, note))
    report = replace(
        proof.report, notes=(note,), versions={name: title},
        divergence=Divergence(title, name or "Op", note, name, 1.0, note),
    )  # fmt: skip
    plain = read(proof.report, proof.evidence)
    page = read(report, proof.evidence, About(title, note, tuple(labels), {name: note}))
    assert set(page.tags) - set(plain.tags) <= {"ul", "li", "p", "b"}
    assert not {key for key, _ in page.attributes if key.startswith("on")}


def test_the_page_fetches_nothing_and_forbids_itself_scripts():
    proof = proven(wrong_scores)
    page = read(proof.report, proof.evidence)
    assert not {"script", "link", "iframe", "object", "base", "form"} & set(page.tags)
    sources = [value for key, value in page.attributes if key in ("src", "href", "action")]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert (
        "content",
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
    ) in page.attributes
    assert not re.search(r"url\(|@import|https?:", to_html(proof.report, proof.evidence, About()))


def test_what_is_no_picture_is_shown_in_words():
    signature = Signature((TensorSpec("x", "float32", (None, 2)),), ())

    def parity(inputs):
        return {"odd": inputs["x"].sum(axis=1) > 0, "word": np.where(inputs["x"] > 0, b"a", b"b")}

    proof = prove_on(parity, parity, seeded(signature))
    page = read(proof.report, proof.evidence)
    assert "img" not in page.tags
    assert "x = " in page.text
    assert "exactly equal" in page.text
    assert "float32" not in page.text  # no output is one: no tolerance to tell
    assert "must be equal" in page.text


def test_an_output_that_is_missing_is_told_in_the_verdict_the_table_and_the_rows():
    proof = proven(lambda inputs: {"other": inputs["image"]})
    page = read(proof.report, proof.evidence)
    assert "the exported model has no such output" in page.text
    assert "is missing or has another shape" in page.text


def test_a_model_without_a_batch_axis_has_its_page():
    signature = Signature((TensorSpec("image", "float32", (3, 12, 12)),), ())

    def mean(inputs):
        return {"mean": inputs["image"].mean()}

    proof = prove_on(mean, mean, seeded(signature))
    page = read(proof.report, proof.evidence)
    assert "draw 4" in page.text
    assert page.tags.count("img") == 4


@pytest.mark.parametrize("value", [nan, inf, -inf, 0.0, 1e-30, 1e30, 5.0])
def test_any_numbers_can_be_drawn(value):
    def constant(inputs):
        return {"y": np.full((len(inputs["image"]), 3), value, np.float64)}

    for exported in (constant, lambda inputs: {"y": constant(inputs)["y"] * 1.01 + 1e-9}):
        proof = prove_on(constant, exported, from_samples({"image": IMAGES}, DRAWINGS, ""), LOOSE)
        page = to_html(proof.report, proof.evidence, About())
        assert not re.search(r'[xy12rh]="-?(nan|inf)', page)
        Reader(page)


def test_a_report_that_compared_nothing_still_has_a_page(tmp_path):
    report = ParityReport(STANDARD, "nothing", ())
    write_html(report, Evidence(), tmp_path / "parity.html", About())
    assert "There was nothing to compare." in (tmp_path / "parity.html").read_text("utf-8")


@pytest.mark.parametrize(("first", "is_red"), [(200.001, False), (201.0, True)])
def test_a_bar_is_red_where_numbers_are_beyond_the_tolerance_and_not_by_their_size(first, is_red):
    gathering = Gathering(STANDARD)
    want = {"y": np.float32([[200.0, 1.0]])}
    gathering.add({"x": np.float32([[0]])}, want, {"y": np.float32([[first, 1.0]])}, 1)
    (output,) = gathering.evidence().outputs
    assert ('class="bar beyond"' in str(histogram(output))) is is_red
