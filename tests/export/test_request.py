"""What the author gave: flags and files become one checked request."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.cli import _parser
from export.request import read_contract, read_labels, read_request, read_samples
from export.scaling import Scaling
from model_store import contract as contracts
from model_store.contract import ImageContract, InkCentring
from model_store.errors import ExportRefused, InvalidRequest
from model_store.preprocess import to_tensor
from tests.model_store.pictures import DIGIT, GREY, encode, photo, three


def flags(*arguments: str):
    return _parser().parse_args(["model.keras", "--name", "numbers", *arguments])


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
        (b"\xff\xfec\0a\0t\0", "utf-8"),
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


def test_without_samples_the_same_noise_is_made_each_time():
    once, text = read_samples(None, GREY)
    again, _ = read_samples(None, GREY)
    assert (once.dtype, once.shape) == (np.uint8, (64, 28, 28, 1))
    assert np.array_equal(once, again)
    assert (once.min(), once.max()) == (0, 255)
    assert text == "64 random tensors, seed 0"


def test_a_folder_of_pictures_goes_through_the_contract_in_the_order_of_names(tmp_path):
    (tmp_path / "b.png").write_bytes(encode(three()))
    (tmp_path / "a.JPG").write_bytes(encode(three(pen=30), "JPEG"))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "folder.png").mkdir()
    samples, text = read_samples(tmp_path, DIGIT)
    want = [to_tensor((tmp_path / name).read_bytes(), DIGIT) for name in ("a.JPG", "b.png")]
    assert np.array_equal(samples, np.concatenate(want))
    assert text == f"pictures in {tmp_path.name}"


@pytest.mark.parametrize("content", [b"", b"not a picture", encode(photo())[:-60]])
def test_a_folder_with_a_picture_that_cannot_be_read_is_refused_by_its_name(tmp_path, content):
    (tmp_path / "good.png").write_bytes(encode(three()))
    (tmp_path / "zebra.png").write_bytes(content)
    with pytest.raises(ExportRefused, match=r"--samples .*zebra\.png: "):
        read_samples(tmp_path, DIGIT)


def test_an_empty_page_among_the_samples_is_refused_by_its_name(tmp_path):
    (tmp_path / "blank.png").write_bytes(encode(Image.new("L", (9, 9), 255)))
    with pytest.raises(ExportRefused, match=r"blank\.png: the drawing is empty"):
        read_samples(tmp_path, DIGIT)


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(ExportRefused, match="no pictures in it"):
        read_samples(tmp_path, DIGIT)


def test_an_archive_holds_the_tensors_under_the_inputs_name(tmp_path):
    path = tmp_path / "samples.npz"
    rows = np.arange(3 * 28 * 28, dtype=np.uint8).reshape(3, 28, 28, 1)
    np.savez(path, image=rows, digits=np.zeros(3))
    samples, text = read_samples(path, GREY)
    assert np.array_equal(samples, rows)
    assert text == "samples.npz, array 'image'"


def write_npy(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3, np.uint8))


def write_pickled(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, image=np.array([{}], dtype=object))


def write_damaged(path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, image=np.arange(1000, dtype=np.uint8))
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(content)


NOT_SAMPLES = {
    "missing": lambda path: None,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"hello"),
    "picture": lambda path: path.write_bytes(encode(three())),
    "npy": write_npy,
    "other array": lambda path: np.savez(path, pictures=np.zeros(3)),
    "empty zip": lambda path: zipfile.ZipFile(path, "w").close(),
    "pickled": write_pickled,
    "damaged": write_damaged,
    "cut short": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(20)),
}


@pytest.mark.parametrize("what", NOT_SAMPLES)
def test_a_file_that_holds_no_samples_is_refused_with_what_to_give(tmp_path, what):
    path = tmp_path / "samples.npz"
    NOT_SAMPLES[what](path)
    with pytest.raises(ExportRefused, match="an .npz with an array 'image' of uint8"):
        read_samples(path, GREY)


def test_the_whole_request_is_read(tmp_path, labels_file):
    np.savez(tmp_path / "s.npz", image=np.zeros((2, 28, 28, 1), np.uint8))
    request = read_request(
        flags(
            "--size", "28", "--mode", "L", "--scale", "1/127.5", "--offset", "-1", "--tag", "first",
            "--labels", str(labels_file("cat\ndog\n")), "--samples", str(tmp_path / "s.npz"),
        )
    )  # fmt: skip
    assert (request.source, request.name, request.tag) == (Path("model.keras"), "numbers", "first")
    assert request.contract == GREY
    assert request.scaling == Scaling(1 / 127.5, -1.0)
    assert request.labels == ("cat", "dog")
    assert request.samples.shape == (2, 28, 28, 1)


def test_a_scale_that_is_no_number_was_used_wrongly():
    with pytest.raises(InvalidRequest, match="'1/0' is not a number"):
        read_request(flags("--scale", "1/0"))
