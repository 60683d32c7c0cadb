"""MNIST out of its package, read as IDX files."""

from __future__ import annotations

import io
import struct
import tarfile

import numpy as np
import pytest

from export.recipes import mnist


def idx(array: np.ndarray) -> bytes:
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.tobytes()
    )


@pytest.fixture
def package(tmp_path):
    """Writes an archive with these members of ``package/data``."""

    def write(**members: np.ndarray):
        path = tmp_path / "package.tgz"
        with tarfile.open(path, "w:gz") as archive:
            for name, array in members.items():
                content = idx(array)
                info = tarfile.TarInfo(f"package/data/{name.replace('_', '-')}-ubyte")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return path

    return write


IMAGES = np.arange(2 * 28 * 28, dtype=np.uint16).astype(np.uint8).reshape(2, 28, 28)
DIGITS = np.array([5, 0], np.uint8)


def test_both_halves_are_read_with_their_shapes(package):
    train, test = mnist.load(
        package(
            train_images_idx3=IMAGES, train_labels_idx1=DIGITS,
            t10k_images_idx3=IMAGES[:1], t10k_labels_idx1=DIGITS[:1],
        )
    )  # fmt: skip
    assert np.array_equal(train.images, IMAGES)
    assert np.array_equal(train.digits, DIGITS)
    assert (test.images.shape, test.digits.shape) == ((1, 28, 28), (1,))


def test_a_package_without_a_file_is_told(package):
    with pytest.raises(KeyError, match="train-labels-idx1-ubyte"):
        mnist.load(package(train_images_idx3=IMAGES))
