"""What the author gave: flags and files become one checked request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from export.flags import make_parser
from export.request import read_contract, read_labels, read_request
from export.scaling import Scaling
from export.sources.source import Options
from model_store import contract as contracts
from model_store.contract import ImageContract, InkCentring
from model_store.errors import ExportRefused, InvalidRequest
from tests.model_store.pictures import DIGIT, GREY


def flags(*arguments: str):
    return make_parser().parse_args(["model.keras", "--name", "numbers", *arguments])


@pytest.fixture
def labels_file(tmp_path):
    def write(content: str | bytes) -> Path:
        path = tmp_path / "labels.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("cat\ndog\n", ("cat", "dog")),
        ("cat\ndog", ("cat", "dog")),
        ("cat\r\ndog\r\n", ("cat", "dog")),
        ("0 cat\n1 dog\n", ("cat", "dog")),
        ("0 black cat\n1 dog\n", ("black cat", "dog")),
        ("\ufeff0 cat\n1 dog\n", ("cat", "dog")),
        ("  cat \n\tdog\n", ("cat", "dog")),
        ("0 고양이\n1 개\n", ("고양이", "개")),
        ("0\n1\n2\n", ("0", "1", "2")),
        ("1 cat\n2 dog\n", ("1 cat", "2 dog")),
        ("0 cat\n2 dog\n", ("0 cat", "2 dog")),
        ("0 cat\ndog\n", ("0 cat", "dog")),
        ("7 of 9\n", ("7 of 9",)),
    ],
)
def test_labels_are_lines_without_the_numbers_that_only_count_them(labels_file, text, want):
    assert read_labels(labels_file(text)) == want


def test_twelve_numbered_lines_are_twelve_names(labels_file):
    text = "".join(f"{number} class {number}\n" for number in range(12))
    assert read_labels(labels_file(text)) == tuple(f"class {number}" for number in range(12))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "it is empty"),
        ("cat\n\ndog\n", "line 2 is empty"),
        ("0 cat\n1  \n", "line 2 is empty"),
        ("cat\n \n", "line 2 is empty"),
        (b"\xff\xfec\0a\0t\0", "give UTF-8 text, one class name a line"),
    ],
)
def test_labels_that_cannot_be_right_are_refused(labels_file, content, complaint):
    with pytest.raises(ExportRefused, match=complaint):
        read_labels(labels_file(content))


def test_no_labels_are_none_and_a_missing_file_is_refused(tmp_path):
    assert read_labels(None) == ()
    with pytest.raises(ExportRefused, match="--labels .*none.txt"):
        read_labels(tmp_path / "none.txt")


def test_without_flags_the_contract_is_the_documented_default():
    assert read_contract(flags()) == ImageContract(tensor="image", size=(224, 224))


def test_flags_say_the_contract_of_the_bundled_model():
    arguments = ["--size", "28", "--mode", "L", "--invert", "--ink-box", "20"]
    assert read_contract(flags(*arguments)) == DIGIT


def test_every_flag_has_its_place_in_the_contract():
    arguments = [
        "--size",
        "32x64",
        "--background",
        "10",
        "--resize",
        "lanczos",
        "--fit",
        "crop",
        "--invert",
    ]
    assert read_contract(flags(*arguments)) == ImageContract(
        "image", (32, 64), "RGB", (10, 10, 10), resize="lanczos", fit="crop", invert=True
    )


@pytest.mark.parametrize(
    "text", ["", "x", "big", "28x", "x28", "28x28x1", "-28", "28.5", "²", "2 8"]
)
def test_a_size_that_is_none_is_refused_with_the_right_spellings(text):
    with pytest.raises(ExportRefused, match="write 224 or HEIGHTxWIDTH"):
        read_contract(flags(f"--size={text}"))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--size", "0"], "size must be"),
        (["--size", "9999"], "size must be"),
        (["--background", "256"], "background must be"),
        (["--background", "-1"], "background must be"),
        (["--size", "28", "--ink-box", "29"], "box_px must fit"),
        (["--ink-box", "0"], "box_px must fit"),
    ],
)
def test_a_contract_that_no_picture_can_satisfy_is_refused(arguments, complaint):
    with pytest.raises(ExportRefused, match=complaint):
        read_contract(flags(*arguments))


def test_a_contract_file_replaces_the_flags(tmp_path):
    path = tmp_path / "contract.json"
    wanted = ImageContract("사진", (9, 8), ink=InkCentring(7, threshold=9))
    path.write_text(json.dumps(contracts.to_json(wanted), ensure_ascii=False), encoding="utf-8")
    assert read_contract(flags("--input-contract", str(path), "--size", "28")) == wanted


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"kind": "image"}', '{"kind": "audio"}', "[" * 100_000, "\x80"]
)
def test_a_contract_file_that_is_none_is_refused_with_its_path(tmp_path, content):
    path = tmp_path / "contract.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ExportRefused, match=r"--input-contract .*contract\.json: "):
        read_contract(flags("--input-contract", str(path)))


def test_a_contract_file_that_is_missing_is_refused(tmp_path):
    with pytest.raises(ExportRefused, match="--input-contract"):
        read_contract(flags("--input-contract", str(tmp_path / "none.json")))


def test_the_whole_request_is_read(tmp_path, labels_file):
    request = read_request(
        flags(
            "--size", "28", "--mode", "L", "--scale", "1/127.5", "--offset", "-1", "--tag", "first",
            "--labels", str(labels_file("cat\ndog\n")), "--samples", str(tmp_path / "s.npz"),
        )
    )  # fmt: skip
    assert (request.source, request.name, request.tag) == (Path("model.keras"), "numbers", "first")
    assert request.contract == GREY
    assert request.scaling == Scaling((1 / 127.5,), (-1.0,))
    assert request.labels == ("cat", "dog")
    assert request.samples == tmp_path / "s.npz"


def test_without_a_word_about_pictures_there_is_no_contract():
    assert read_request(flags()).contract is None
    assert read_request(flags("--scale", "1/255")).contract is not None
    assert read_request(flags("--background", "0")).contract is not None
    assert read_request(flags("--invert")).contract is not None


def test_what_the_file_does_not_say_is_read():
    request = read_request(
        flags(
            "--inputs", "a:0, b:0", "--outputs", "c:0", "--output-names", "scores",
            "--shape", "a=N,3,224,w", "--shape", "b=2", "--dtype", "b=int64",
            "--module", "nets.small:make", "--trust", "--python", "torch=/opt/torch/bin/python",
        )
    )  # fmt: skip
    assert request.options == Options(
        inputs=("a:0", "b:0"), outputs=("c:0",), output_names=("scores",),
        shapes={"a": (None, 3, 224, None), "b": (2,)}, dtypes={"b": "int64"},
        module="nets.small:make", is_trusted=True,
    )  # fmt: skip
    assert request.pythons == {"torch": "/opt/torch/bin/python"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--shape", "3,224"], "--shape 3,224: write NAME=VALUE"),
        (["--shape", "a="], "write NAME=VALUE"),
        (["--shape", "a=1,-1"], "an axis is a number, or a word if it is free"),
        (["--shape", "a=1,,2"], "an axis is a number"),
        (["--dtype", "float32"], "--dtype float32: write NAME=VALUE"),
        (["--python", "=x"], "--python =x: write NAME=VALUE"),
        (["--python", "jax=x"], "the frameworks are keras, onnx, tensorflow, torch"),
    ],
)
def test_what_cannot_be_meant_was_used_wrongly(arguments, complaint):
    with pytest.raises(InvalidRequest, match=complaint):
        read_request(flags(*arguments))


def test_a_scale_that_is_no_number_was_used_wrongly():
    with pytest.raises(InvalidRequest, match="'1/0' is not a number"):
        read_request(flags("--scale", "1/0"))
