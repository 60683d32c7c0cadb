"""What the source itself tells where its author said nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.completing import TEACHABLE_MACHINE_NOTE, completed, with_own_size
from export.flags import make_parser
from export.kinds import KERAS_2, KERAS_3, KINDS
from export.request import ExportRequest, read_request
from export.sources.source import Description
from model_store.spec import Signature, TensorSpec


def of_shape(*shape: int | None) -> Signature:
    return Signature((TensorSpec("x", "float32", shape),), ())


def described(signature: Signature, *labels: str) -> Description:
    return Description({"serving_default": signature}, 0, {}, "test", class_labels=labels)


BARE = ExportRequest(Path("keras_model.h5"), "shapes")
PICTURES = of_shape(None, 96, 96, 3)


def test_a_teachable_machine_file_brings_its_labels_and_its_contract():
    request = completed(BARE, KINDS[KERAS_2], described(PICTURES, "cat", "dog"))
    assert request.labels == ("cat", "dog")
    assert request.contract is not None
    assert request.contract.size == (96, 96)
    assert (request.contract.resize, request.contract.fit) == ("lanczos", "crop")
    assert request.scaling.scale == (1 / 127.5,) * 3
    assert request.notes == (TEACHABLE_MACHINE_NOTE,)


@pytest.mark.parametrize(
    ("kind", "signature", "labels"),
    [
        (KERAS_3, PICTURES, ("cat",)),
        (KERAS_2, PICTURES, ()),
        (KERAS_2, of_shape(None, 96, 96, 1), ("cat",)),
        (KERAS_2, of_shape(None, 96), ("cat",)),
    ],
)
def test_no_other_file_is_given_a_contract(kind, signature, labels):
    request = completed(BARE, KINDS[kind], described(signature, *labels))
    assert request.contract is None
    assert request.labels == labels


def asked(*arguments: str) -> ExportRequest:
    return read_request(make_parser().parse_args(["m.h5", "--name", "m", *arguments]))


def test_what_the_author_said_stays():
    request = completed(asked("--size", "32"), KINDS[KERAS_2], described(PICTURES, "cat"))
    assert request.contract is not None
    assert (request.contract.size, request.notes) == ((32, 32), ())


def test_the_sources_own_size_counts_where_none_is_given():
    contract = with_own_size(asked("--mode", "L"), of_shape(None, 28, 30, 1)).contract
    assert contract is not None
    assert contract.size == (28, 30)
    contract = with_own_size(
        asked("--preset", "imagenet-torch"), of_shape(None, 3, 299, 299)
    ).contract
    assert contract is not None
    assert (contract.size, contract.short_side_px) == ((299, 299), 342)


@pytest.mark.parametrize("own", [of_shape(None, None, None, 1), of_shape(None, 784)])
def test_a_source_that_tells_no_size_leaves_the_usual_one(own):
    contract = with_own_size(asked("--mode", "L"), own).contract
    assert contract is not None
    assert contract.size == (224, 224)


def test_a_given_size_is_not_replaced():
    contract = with_own_size(asked("--size", "8"), of_shape(None, 28, 28, 3)).contract
    assert contract is not None
    assert contract.size == (8, 8)
