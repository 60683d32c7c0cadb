"""What kind of model a file is, without loading it; whatever it is, no traceback."""

from __future__ import annotations

import json
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.kinds import (
    GRAPH_DEF,
    KERAS_2,
    KERAS_2_SAVED_MODEL,
    KERAS_3,
    KINDS,
    ONNX,
    SAVED_MODEL,
    TFLITE,
    TORCHSCRIPT,
)
from export.sniff import sniff
from model_store.errors import ExportRefused

METADATA = {"keras_version": "3.15.1", "date_saved": "2026-11-22@12:00:00"}


@pytest.fixture
def archive(tmp_path):
    """Writes a zip file of the given members."""

    def write(compression=zipfile.ZIP_DEFLATED, **members: bytes):
        path = tmp_path / "model.keras"
        with zipfile.ZipFile(path, "w", compression) as file:
            for name, content in members.items():
                file.writestr(name.replace("_json", ".json"), content)
        return path

    return write


def keras_zip(archive, metadata=METADATA, **more):
    content = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
    return archive(metadata_json=content, config_json=b"{}", **more)


@pytest.fixture
def hdf5(tmp_path):
    """Writes an HDF5 file with these attributes."""

    def write(**attributes):
        path = tmp_path / "model.h5"
        with h5py.File(path, "w") as file:
            file["weights"] = np.zeros(100, np.float32)
            file.attrs.update(attributes)
        return path

    return write


def assert_refused(path, reason):
    with pytest.raises(ExportRefused, match=reason) as caught:
        sniff(path)
    assert path.name in str(caught.value)


def test_a_keras_3_archive_is_known_by_its_metadata_and_not_by_its_name(archive):
    path = keras_zip(archive)
    assert sniff(path) == KERAS_3
    assert sniff(path.rename(path.with_suffix(".model"))) == KERAS_3


@pytest.mark.parametrize("version", ["3.15.1", b"3.0.0"])
def test_a_keras_3_hdf5_file_is_known_by_its_attributes(hdf5, version):
    assert sniff(hdf5(model_config="{}", keras_version=version)) == KERAS_3


@pytest.mark.parametrize("version", ["2.15.0", b"2.1.6-tf", "1.2", "custom"])
def test_files_of_older_keras_are_keras_2(hdf5, archive, version):
    assert sniff(hdf5(model_config="{}", keras_version=version)) == KERAS_2
    assert sniff(keras_zip(archive, {"keras_version": "2.15.0"})) == KERAS_2


def test_a_file_that_does_not_say_its_keras_is_an_old_one(hdf5):
    assert sniff(hdf5(model_config="{}")) == KERAS_2


def test_a_model_of_a_later_keras_is_refused_with_what_to_do(hdf5):
    path = hdf5(model_config="{}", keras_version="4.0.0")
    assert_refused(path, "saved by Keras 4.0.0, which is newer .* save it with Keras 3")


def test_weights_alone_are_refused_with_what_to_do(hdf5):
    assert_refused(hdf5(layer_names=["dense"]), "holds weights only; build the model, load them")
    assert_refused(hdf5(keras_version="3.1"), "holds weights only")


def test_a_zip_file_of_something_else_is_refused(archive):
    for members in ({"readme_txt": b"hello"}, {}, {"metadata_json": b"{}"}):
        assert_refused(archive(**members), "zip file without a model of a known kind$")


def test_a_zip_file_around_a_model_is_refused_with_what_to_unpack(archive):
    path = archive(**{"labels.txt": b"0 cat", "keras_model.h5": b"..."})
    assert_refused(path, r"known kind; unpack it and give keras_model\.h5")


def test_a_zip_file_of_torchs_is_told_from_keras(archive):
    members = {"net/constants.pkl": b"", "net/data.pkl": b"", "net/code/net.py": b""}
    assert sniff(archive(**members)) == TORCHSCRIPT


def field(number, wire, content):
    """One field of a protobuf message: a number, or bytes with their length before them."""
    body = bytes([content]) if wire == 0 else bytes([len(content)]) + content
    return bytes([number << 3 | wire]) + body


NODE = field(1, 2, field(1, 2, b"x") + field(2, 2, b"Placeholder"))


def test_tensorflows_files_are_told_by_their_content(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(40))
    assert sniff(path) == TFLITE
    path.write_bytes(NODE + NODE + field(4, 2, field(1, 0, 27)))
    assert sniff(path) == GRAPH_DEF
    path.write_bytes(field(1, 0, 8) + field(7, 2, b""))
    assert sniff(path) == ONNX


def test_a_tensorflow_lite_file_with_a_zip_of_labels_at_its_end_is_one(archive):
    path = archive(**{"labels.txt": b"cat"})
    path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(40) + path.read_bytes())
    assert zipfile.is_zipfile(path)
    assert sniff(path) == TFLITE


@pytest.mark.parametrize(
    "content",
    [
        NODE[:-1], NODE + b"\x0a", field(4, 2, b""), field(1, 2, b""), NODE + field(9, 2, b""),
        field(1, 2, field(2, 2, b"Placeholder")), NODE + b"\xff" * 20,
    ],
)  # fmt: skip
def test_what_only_resembles_a_graph_is_refused(tmp_path, content):
    path = tmp_path / "graph.pb"
    path.write_bytes(content)
    assert_refused(path, "no kind of model that is known here")


def test_a_saved_model_is_a_folder_with_or_without_keras_beside(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01\x12\x00")
    assert sniff(tmp_path) == SAVED_MODEL
    (tmp_path / "keras_metadata.pb").write_bytes(b"")
    assert sniff(tmp_path) == KERAS_2_SAVED_MODEL
    assert_refused(tmp_path / "saved_model.pb", "is one file of a SavedModel; give its folder")


@pytest.mark.parametrize(
    "metadata",
    [b"", b"{", b"\xff", b"[]", b"5", b'{"keras": "3"}', b"[" * 100_000, b"null"],
    ids=lambda text: repr(text[:10]),
)
def test_metadata_without_a_version_is_refused(archive, metadata):
    assert_refused(keras_zip(archive, metadata), "names no Keras version")


def test_metadata_that_unpacks_to_a_flood_is_refused_unread(archive):
    assert_refused(keras_zip(archive, b" " * 50_000_000), "too large to be Keras'")


def test_a_folder_and_a_missing_file_are_told_apart(tmp_path):
    assert_refused(tmp_path, r"is a folder without a saved_model\.pb; give")
    assert_refused(tmp_path / "none.keras", "there is no file")


@pytest.mark.parametrize(
    "content", [b"", b"\x08\x0aONNX", b"not a model", b"\x80\x04pickle", b"PK\x05\x06"]
)
def test_anything_else_is_no_model(tmp_path, content):
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    assert_refused(path, r"no kind of model that is known here; give a \.keras, \.h5")


def test_an_archive_cut_short_or_altered_anywhere_is_refused_or_still_read(archive):
    path = keras_zip(archive)
    whole = path.read_bytes()
    for at in range(len(whole)):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]):
            path.write_bytes(damaged)
            try:
                assert sniff(path) in (KERAS_2, KERAS_3)
            except ExportRefused:
                continue


def test_an_archive_with_a_password_is_refused(archive):
    path = keras_zip(archive)
    content = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(signature)
        while start >= 0:
            content[start + at] |= 1
            start = content.find(signature, start + 1)
    path.write_bytes(content)
    assert_refused(path, "damaged zip file: .*password")


def test_an_hdf5_file_cut_short_anywhere_is_refused_or_still_read(hdf5):
    path = hdf5(model_config="{}", keras_version="3.1")
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:length])
        try:
            assert sniff(path) == KERAS_3
        except ExportRefused:
            continue


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("sniff") / "model"


HEADS = [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\0\0\0\0TFL3", NODE, b"\x08\x08", b"\x80\x02"]


@given(st.sampled_from(HEADS), st.binary(max_size=200))
def test_random_bytes_are_a_known_kind_or_refused_and_nothing_else(scratch, head, rest):
    scratch.write_bytes(head + rest)
    try:
        assert sniff(scratch) in KINDS
    except ExportRefused as error:
        assert scratch.name in str(error)
