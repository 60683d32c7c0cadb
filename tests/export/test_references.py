"""The named references are those libraries' own arithmetic, and given arrays are found."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from export.references import given_reference, made_reference, named_reference
from model_store.errors import ExportRefused
from tests.model_store.pictures import photo

SIZE = (24, 32)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "photo.png"
    photo(100, 61).save(path)
    return path


def test_teachable_machine_is_the_code_that_it_exports(picture):
    image = Image.open(picture).convert("RGB")
    fitted = ImageOps.fit(image, (224, 224), Image.Resampling.LANCZOS)
    want = (np.asarray(fitted).astype(np.float32) / 127.5) - 1
    assert np.array_equal(named_reference("teachable-machine", (224, 224)).tensor(picture), want)


def test_keras_image_utils_is_tensorflows_resize(picture):
    import tensorflow as tf

    pixels = np.asarray(Image.open(picture), np.float32)
    for size in (SIZE, (224, 200)):
        want = tf.image.resize(pixels, size).numpy() / 127.5 - 1
        got = named_reference("keras-image-utils", size).tensor(picture)
        assert np.allclose(got, want, atol=1e-5)


def test_keras_load_img_is_keras_own(picture):
    import keras

    loaded = keras.utils.img_to_array(keras.utils.load_img(picture, target_size=SIZE))
    got = named_reference("keras-load-img", SIZE).tensor(picture)
    assert np.allclose(got, loaded / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("source", [(100, 61), (61, 100)])
def test_imagenet_torch_resizes_cuts_and_normalises_channels_first(tmp_path, source):
    path = tmp_path / "photo.png"
    photo(*source).save(path)
    got = named_reference("imagenet-torch", (224, 224)).tensor(path)
    assert (got.dtype, got.shape) == (np.float32, (3, 224, 224))
    long = int(256 * max(source) / min(source))
    ends = (long, 256) if source[0] > source[1] else (256, long)
    resized = np.asarray(photo(*source).resize(ends, Image.Resampling.BILINEAR), np.float32)
    edge = round((long - 224) / 2)
    cut = (
        resized[16:240, edge : edge + 224]
        if source[0] > source[1]
        else resized[edge : edge + 224, 16:240]
    )
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    assert np.allclose(got.transpose(1, 2, 0), (cut / 255 - mean) / deviation, atol=1e-5)


def test_a_name_that_is_none_is_refused_with_those_there_are():
    with pytest.raises(ExportRefused, match="one of teachable-machine, imagenet-torch"):
        named_reference("imagnet", SIZE)


def test_arrays_are_found_by_the_pictures_name_in_a_folder_and_in_an_archive(tmp_path, picture):
    tensor = np.ones((2, 2, 3), np.float32)
    np.save(tmp_path / "photo.npy", tensor)
    np.savez(tmp_path / "all.npz", photo=tensor)
    for path in (tmp_path, tmp_path / "all.npz"):
        assert np.array_equal(given_reference(path).tensor(picture), tensor)
    assert np.array_equal(made_reference("mine", {"photo.png": tensor}).tensor(picture), tensor)


def test_an_array_that_is_missing_or_damaged_is_refused_by_name(tmp_path, picture):
    with pytest.raises(ExportRefused, match=r"photo\.npy cannot be read"):
        given_reference(tmp_path).tensor(picture)
    (tmp_path / "photo.npy").write_bytes(b"no array")
    with pytest.raises(ExportRefused, match=r"photo\.npy cannot be read"):
        given_reference(tmp_path).tensor(picture)
    with pytest.raises(ExportRefused, match="no array 'photo'"):
        made_reference("mine", {}).tensor(picture)
    for damaged in (picture, tmp_path / "photo.npy", tmp_path / "absent.npz"):
        with pytest.raises(ExportRefused, match="no .npz of arrays"):
            given_reference(damaged)


def test_a_pickle_in_an_array_file_is_not_unpickled(tmp_path, picture):
    np.save(tmp_path / "photo.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(ExportRefused, match="cannot be read"):
        given_reference(tmp_path).tensor(picture)
