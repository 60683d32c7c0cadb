"""Several digits in one drawing: one call, and the number as a whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from adapter.catalogue import Catalogue
from adapter.classify import Classifier
from adapter.deadline import Deadline
from adapter.decoding import DecodingRoom
from adapter.digits import find_digits
from adapter.number import _is_sure, read_number
from model_store.errors import EmptyDrawing, InvalidRequest
from model_store.images.ink import find_ink
from model_store.images.limits import ImageLimits
from model_store.preprocess import to_tensor
from model_store.spec import ModelVersion
from tests.adapter.stores import publish, spec_of
from tests.adapter.writing import write
from tests.fakes import FakeModelServer, FakeServable
from tests.model_store.pictures import DIGIT, GREY, encode, three

DIGITS = tuple("0123456789")
SOON = Deadline(3.0, clock=lambda: 0.0)


def counting(contract=DIGIT) -> FakeServable:
    """Says 0 of the first row, 1 of the second and so on; always less sure of the next digit."""

    def run(inputs):
        scores = np.zeros((len(inputs["image"]), 10), np.float32)
        for row in range(len(scores)):
            scores[row, row % 10], scores[row, (row + 1) % 10] = 0.75, 0.25
        return {"scores": scores}

    return FakeServable(spec_of(contract), run)


@pytest.fixture
def server():
    return FakeModelServer({ModelVersion("numbers", 1): counting()})


@pytest.fixture
def classifier(tmp_path, server):
    publish(tmp_path, DIGIT, DIGITS)
    return Classifier(Catalogue(tmp_path), server, DecodingRoom(ImageLimits()))


def read(classifier, page, **more):
    return read_number(classifier, "numbers", encode(page), SOON, **more)


def test_all_digits_are_rows_of_one_call_in_the_order_of_reading(classifier, server):
    number = read(classifier, write("419"))
    (call,) = server.calls
    assert call.inputs["image"].shape == (3, 28, 28, 1)
    best, second = number.reading.predictions[:2]
    assert (best.label, best.score) == ("012", 0.75**3)
    assert second.score == 0.75**2 * 0.25
    assert [digit.predictions[0].label for digit in number.digits] == ["0", "1", "2"]
    scores = [one.score for one in number.reading.predictions]
    assert scores == sorted(scores, reverse=True)
    assert len({one.label for one in number.reading.predictions}) == len(scores) == 10


def test_a_digit_cut_out_is_the_tensor_it_would_be_alone(classifier, server):
    read(classifier, write("419"))
    alone = [to_tensor(encode(write(digit)), DIGIT)[0] for digit in "419"]
    assert np.array_equal(server.calls[0].inputs["image"], np.stack(alone))


def test_one_digit_goes_through_the_contract_whole(classifier, server):
    number = read(classifier, three())
    assert number.digits == ()
    assert np.array_equal(server.calls[0].inputs["image"], to_tensor(encode(three()), DIGIT))
    whole = read(classifier, write("419"), is_one=True)
    assert whole.digits == ()
    sent = server.calls[1].inputs["image"]
    assert np.array_equal(sent, to_tensor(encode(write("419")), DIGIT))


def test_a_single_digit_with_dirt_is_read_without_the_dirt(classifier, server):
    page = three()
    page.paste(0, (262, 4, 268, 10))
    number = read(classifier, page)
    assert number.digits == ()
    assert len(number.reading.predictions) == 10
    assert np.array_equal(server.calls[0].inputs["image"], to_tensor(encode(three()), DIGIT))


def test_lines_have_a_space_between_them(classifier):
    assert read(classifier, write("41", "90")).reading.predictions[0].label == "01 23"


def test_a_version_that_wants_another_picture_gets_digits_as_it_wants_them(tmp_path):
    publish(tmp_path, DIGIT, DIGITS)
    whole = replace(GREY, tensor="image")
    publish(tmp_path, whole, DIGITS)
    servables = {
        ModelVersion("numbers", 1): counting(),
        ModelVersion("numbers", 2): counting(whole),
    }
    server = FakeModelServer(servables, live={"numbers": 1})
    classifier = Classifier(Catalogue(tmp_path), server, DecodingRoom(ImageLimits()))
    number = read(classifier, write("41"))
    assert number.reading.model.number == 1
    assert len(number.digits) == 2


def wide_zero() -> Image.Image:
    """One digit, a fifth wider than it is tall, which two that touch could be as well."""
    page = Image.new("L", (280, 280), 255)
    ImageDraw.Draw(page).ellipse((20, 40, 260, 240), outline=0, width=16)
    return page


def sure_of(score: float) -> FakeServable:
    """As sure of every row's being a 0."""

    def run(inputs):
        scores = np.zeros((len(inputs["image"]), 10), np.float32)
        scores[:, 0], scores[:, 1] = score, 1 - score
        return {"scores": scores}

    return FakeServable(spec_of(DIGIT), run)


def test_a_wide_digit_is_cut_only_where_the_model_is_not_sure_of_it_whole(tmp_path):
    publish(tmp_path, DIGIT, DIGITS)
    ways = len(find_digits(find_ink(wide_zero(), DIGIT)).pieces)
    assert ways > 5
    asked = {}
    for score in (0.99, 0.9):
        server = FakeModelServer({ModelVersion("numbers", 1): sure_of(score)})
        classifier = Classifier(Catalogue(tmp_path), server, DecodingRoom(ImageLimits()))
        number = read(classifier, wide_zero())
        asked[score] = [len(call.inputs["image"]) for call in server.calls]
        assert set("".join(each.label for each in number.reading.predictions[:1])) == {"0"}
        assert len(number.cut) == (1 if score == 0.99 else len(number.digits))
    assert asked == {0.99: [1], 0.9: [1, ways]}


def test_a_digit_that_is_not_wide_may_be_unsure_without_a_second_call(classifier, server):
    page = write("1")
    both = Image.new("L", (page.width + 280, 280), 255)
    both.paste(wide_zero(), (0, 0))
    both.paste(page.resize((page.width, 280)), (280, 0))
    layout = find_digits(find_ink(both, DIGIT))
    assert layout.shortened().brief == (0,)
    assert len(layout.pieces) > len(layout.shortened().pieces) == 2
    scores = np.float32([[0.98, 0.02], [0.5, 0.5]])
    assert _is_sure(layout.shortened(), scores)
    assert not _is_sure(layout.shortened(), scores[::-1])


def tiled(picture: Image.Image, count: int) -> Image.Image:
    """The picture so many times side by side and below each other."""
    page = Image.new("L", (picture.width * count, picture.height * count))
    for at in range(count * count):
        row, column = divmod(at, count)
        page.paste(picture, (column * picture.width, row * picture.height))
    return page


def test_an_empty_page_and_too_much_on_it_are_told(classifier, server):
    with pytest.raises(EmptyDrawing):
        read(classifier, write("1").point(lambda _: 255))
    with pytest.raises(InvalidRequest, match='"several": false'):
        read(classifier, tiled(write("141", gap=-4, line_px=120), 12))
    assert not server.calls
