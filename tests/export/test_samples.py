"""The author's samples: pictures and archives become wire tensors."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.samples import read_samples
from model_store.contract import ImageContract
from model_store.errors import ExportRefused
from model_store.preprocess import to_tensor
from model_store.spec import TensorSpec
from tests.model_store.pictures import DIGIT, GREY, encode, photo, three


def specs(contract: ImageContract) -> tuple[TensorSpec, ...]:
    return (TensorSpec("image", "uint8", (None, *contract.shape)),)


def test_pictures_without_a_contract_are_refused_with_what_to_say(tmp_path):
    (tmp_path / "a.png").write_bytes(encode(three()))
    with pytest.raises(ExportRefused, match="pictures need an input contract; say --size"):
        read_samples(tmp_path, specs(GREY), None)


def test_an_archive_holds_one_array_for_each_input(tmp_path):
    wanted = (TensorSpec("ids", "int64", (None,)), TensorSpec("mask", "bool", (None,)))
    path = tmp_path / "samples.npz"
    np.savez(path, ids=np.arange(3), mask=np.ones(3, bool))
    samples = read_samples(path, wanted, None)
    assert list(samples.tensors) == ["ids", "mask"]
    assert samples.text == "samples.npz, arrays 'ids', 'mask'"
    np.savez(path, ids=np.arange(3))
    with pytest.raises(ExportRefused, match="an .npz with arrays 'ids', 'mask'"):
        read_samples(path, wanted, None)


def test_a_folder_of_pictures_goes_through_the_contract_in_the_order_of_names(tmp_path):
    (tmp_path / "b.png").write_bytes(encode(three()))
    (tmp_path / "a.JPG").write_bytes(encode(three(pen=30), "JPEG"))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "folder.png").mkdir()
    samples = read_samples(tmp_path, specs(DIGIT), DIGIT)
    want = [to_tensor((tmp_path / name).read_bytes(), DIGIT) for name in ("a.JPG", "b.png")]
    assert np.array_equal(samples.tensors["image"], np.concatenate(want))
    assert samples.text == f"pictures in {tmp_path.name}"


@pytest.mark.parametrize("content", [b"", b"not a picture", encode(photo())[:-60]])
def test_a_folder_with_a_picture_that_cannot_be_read_is_refused_by_its_name(tmp_path, content):
    (tmp_path / "good.png").write_bytes(encode(three()))
    (tmp_path / "zebra.png").write_bytes(content)
    with pytest.raises(ExportRefused, match=r"--samples .*zebra\.png: "):
        read_samples(tmp_path, specs(DIGIT), DIGIT)


def test_an_empty_page_among_the_samples_is_refused_by_its_name(tmp_path):
    (tmp_path / "blank.png").write_bytes(encode(Image.new("L", (9, 9), 255)))
    with pytest.raises(ExportRefused, match=r"blank\.png: the drawing is empty"):
        read_samples(tmp_path, specs(DIGIT), DIGIT)


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(ExportRefused, match="no pictures in it"):
        read_samples(tmp_path, specs(DIGIT), DIGIT)


def test_pictures_in_folders_of_the_folder_are_said_not_to_count(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "a.png").write_bytes(encode(three()))
    with pytest.raises(ExportRefused, match="no pictures in it; folders in it are not looked into"):
        read_samples(tmp_path, specs(DIGIT), DIGIT)


def test_an_archive_with_other_arrays_is_refused_with_their_names(tmp_path):
    path = tmp_path / "samples.npz"
    np.savez(path, x=np.zeros(3), y=np.zeros(3))
    with pytest.raises(ExportRefused, match=r"of its arrays \('x', 'y'\) none is 'image'"):
        read_samples(path, specs(GREY), GREY)


def test_nobody_is_advised_to_unpickle_a_picture(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(encode(three()))
    with pytest.raises(ExportRefused, match="array 'image'; this is neither$"):
        read_samples(path, specs(GREY), GREY)


def test_an_archive_holds_the_tensors_under_the_inputs_name(tmp_path):
    path = tmp_path / "samples.npz"
    rows = np.arange(3 * 28 * 28, dtype=np.uint8).reshape(3, 28, 28, 1)
    np.savez(path, image=rows, digits=np.zeros(3))
    samples = read_samples(path, specs(GREY), GREY)
    assert np.array_equal(samples.tensors["image"], rows)
    assert samples.text == "samples.npz, array 'image'"


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
    with pytest.raises(ExportRefused, match="an .npz with array 'image'"):
        read_samples(path, specs(GREY), GREY)
