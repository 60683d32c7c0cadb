"""What an answer hangs on, with models of which it is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from adapter.catalogue import Catalogue
from adapter.classify import Classifier
from adapter.deadline import Deadline
from adapter.decoding import DecodingRoom
from adapter.explain import Question, explain
from adapter.explain_number import explain_number
from model_store.errors import DeadlineExceeded, InvalidRequest
from model_store.images.limits import ImageLimits
from model_store.spec import ModelVersion
from tests.adapter.stores import publish, spec_of
from tests.adapter.writing import write
from tests.fakes import FakeModelServer, FakeServable
from tests.model_store.pictures import DIGIT, GREY, encode

LABELS = ("light", "dark")
SOON = Deadline(3.0, clock=lambda: 0.0)
LARGE = replace(GREY, size=(600, 600))


def corner(contract=GREY, name="image") -> FakeServable:
    """How dark the upper left quarter is."""

    def run(inputs):
        rows = inputs[name].astype(float)
        half = rows.shape[1] // 2
        dark = 1 - rows[:, :half, :half].mean(axis=(1, 2, 3)) / 255
        return {"scores": np.stack([1 - dark, dark], axis=1).astype(np.float32)}

    return FakeServable(spec_of(contract), run)


def serving(root, contract=GREY, servable=None):
    publish(root, contract, LABELS, name="corner", classes=2)
    server = FakeModelServer({ModelVersion("corner", 1): servable or corner(contract)})
    return Classifier(Catalogue(root), server, DecodingRoom(ImageLimits())), server


def black(width=200, height=100) -> bytes:
    return encode(Image.new("L", (width, height), 0))


def test_what_is_hidden_where_the_model_looks_costs_score_and_nothing_elsewhere(tmp_path):
    classifier, server = serving(tmp_path)
    found = explain(classifier, Question("corner", black(), grid=4), SOON)
    (heat,) = found.heats
    assert (heat.best.label, heat.best.score) == ("dark", 1.0)
    assert (heat.part.left, heat.part.top, heat.part.right, heat.part.bottom) == (0, 0, 200, 100)
    assert (heat.drops[:2, :2] > 0.2).all()
    assert heat.drops[3].max() == heat.drops[:, 3].max() == 0
    assert found.size == (200, 100)
    assert len(server.calls) == 1
    assert server.calls[0].inputs["image"].shape == (17, 28, 28, 1)


def test_another_label_can_be_explained_and_gains_what_the_best_loses(tmp_path):
    classifier, _ = serving(tmp_path)
    dark = explain(classifier, Question("corner", black(), 4), SOON).heats[0]
    light = explain(classifier, Question("corner", black(), 4, label="light"), SOON).heats[0]
    assert light.drops == pytest.approx(-dark.drops, abs=1e-6)
    with pytest.raises(InvalidRequest, match="no class label 'grey'"):
        explain(classifier, Question("corner", black(), 4, label="grey"), SOON)


def test_windows_that_hide_nothing_are_not_asked_about(tmp_path):
    classifier, server = serving(tmp_path)
    page = Image.new("L", (280, 280), 255)
    ImageDraw.Draw(page).rectangle((0, 0, 20, 20), fill=0)
    explain(classifier, Question("corner", encode(page), 14), SOON)
    assert len(server.calls[0].inputs["image"]) == 1 + 4


def test_a_large_input_is_sent_in_several_messages_to_one_version(tmp_path):
    classifier, server = serving(tmp_path, LARGE)
    explain(classifier, Question("corner", black(), 8), SOON)
    sent = [call.inputs["image"] for call in server.calls]
    assert len(sent) == 2
    assert sum(map(len, sent)) == 65
    assert all(rows.nbytes <= 16 * 1024 * 1024 for rows in sent)
    assert [call.version for call in server.calls] == [None, 1]


def test_a_map_that_costs_too_much_is_refused_before_anybody_is_asked(tmp_path):
    classifier, server = serving(tmp_path, replace(GREY, size=(1200, 1200)))
    with pytest.raises(InvalidRequest, match="choose a smaller grid"):
        explain(classifier, Question("corner", black(), 16), SOON)
    tiny, _ = serving(tmp_path / "tiny", replace(GREY, size=(4, 4)))
    with pytest.raises(InvalidRequest, match="at most 4"):
        explain(tiny, Question("corner", black(), 5), SOON)
    assert not server.calls


def test_the_time_is_for_all_calls_together(tmp_path):
    classifier, server = serving(tmp_path, LARGE)
    with pytest.raises(DeadlineExceeded):
        explain(
            classifier,
            Question("corner", black(), 8),
            Deadline(3.0, clock=lambda: 4.0 * len(server.calls)),
        )
    assert [call.timeout_s for call in server.calls] == [3.0]


def test_a_model_without_scores_is_told(tmp_path):
    tensors = FakeServable(spec_of(GREY), lambda _: {"a": np.zeros((1, 2)), "b": np.zeros((1, 2))})
    classifier, _ = serving(tmp_path, GREY, tensors)
    with pytest.raises(InvalidRequest, match="gives no scores"):
        explain(classifier, Question("corner", black(), 4), SOON)


def reader() -> FakeServable:
    """Says 0 and is as sure as there is ink."""

    def run(inputs):
        ink = inputs["image"].astype(float).mean(axis=(1, 2, 3)) / 255
        scores = np.zeros((len(ink), 10), np.float32)
        scores[:, 0] = 0.5 + ink / 2
        return {"scores": scores}

    return FakeServable(spec_of(DIGIT), run)


@pytest.mark.parametrize("times", [1, 9])
def test_each_digit_of_several_has_a_map_of_its_own_over_its_place(tmp_path, times):
    publish(tmp_path, DIGIT, tuple("0123456789"))
    server = FakeModelServer({ModelVersion("numbers", 1): reader()})
    classifier = Classifier(Catalogue(tmp_path), server, DecodingRoom(ImageLimits()))
    page = write("419")
    page = page.resize((page.width * times, page.height * times))
    best, found = explain_number(classifier, Question("numbers", encode(page), 7), SOON)
    assert best.label == "000"
    assert len(found.heats) == 3
    assert [call.version for call in server.calls] == [None, 1]
    pixels = np.asarray(page)
    for before, heat in zip((None, *found.heats), found.heats, strict=False):
        part = heat.part
        assert before is None or before.part.left < part.left
        # Where it is hot there is ink.
        row, column = np.unravel_index(heat.drops.argmax(), heat.drops.shape)
        side = (part.right - part.left) / 7, (part.bottom - part.top) / 7
        x, y = part.left + column * side[0], part.top + row * side[1]
        hot = pixels[int(max(y, 0)) : int(y + side[1]), int(max(x, 0)) : int(x + side[0])]
        assert hot.min() < 100
