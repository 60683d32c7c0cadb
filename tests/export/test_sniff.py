"""What kind of model a file is, without loading it; whatever it is, no traceback."""

from __future__ import annotations

import json
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.sniff import KERAS_3, sniff
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


@pytest.mark.parametrize("version", ["2.15.0", b"2.1.6-tf", "1.2", "4.0.0"])
def test_a_model_of_another_keras_is_refused_with_what_to_do(hdf5, version):
    path = hdf5(model_config="{}", keras_version=version)
    text = version if isinstance(version, str) else version.decode()
    assert_refused(path, f"was saved by Keras {text}; load it there and save it with Keras 3")


def test_an_archive_of_another_keras_is_refused_too(archive):
    assert_refused(keras_zip(archive, {"keras_version": "2.15.0"}), "was saved by Keras 2.15.0")


def test_a_model_that_does_not_say_its_keras_is_refused(hdf5):
    assert_refused(hdf5(model_config="{}"), "saved by Keras unknown")


def test_weights_alone_are_refused_with_what_to_do(hdf5):
    assert_refused(hdf5(layer_names=["dense"]), "holds weights only; save the whole model")
    assert_refused(hdf5(keras_version="3.1"), "holds weights only")


def test_a_zip_file_of_something_else_is_refused(archive):
    assert_refused(archive(readme_txt=b"hello"), "zip file without a Keras model")
    assert_refused(archive(), "zip file without a Keras model")
    assert_refused(archive(metadata_json=b"{}"), "zip file without a Keras model")


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
    assert_refused(tmp_path, r"is a folder; give a \.keras or \.h5 file")
    assert_refused(tmp_path / "none.keras", "there is no file")


@pytest.mark.parametrize(
    "content", [b"", b"\x08\x0aONNX", b"not a model", b"\x80\x04pickle", b"PK\x05\x06"]
)
def test_anything_else_is_neither(tmp_path, content):
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    assert_refused(path, r"neither a \.keras archive nor an HDF5 file")


def test_an_archive_cut_short_or_altered_anywhere_is_refused_or_still_read(archive):
    path = keras_zip(archive)
    whole = path.read_bytes()
    for at in range(len(whole)):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]):
            path.write_bytes(damaged)
            try:
                assert sniff(path) == KERAS_3
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


@given(st.sampled_from([b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"]), st.binary(max_size=200))
def test_random_bytes_are_refused_and_nothing_else(scratch, head, rest):
    scratch.write_bytes(head + rest)
    with pytest.raises(ExportRefused):
        sniff(scratch)
