"""What the adapter sends over HTTP is, byte for byte, what a real export proved parity on."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from adapter.config import AdapterConfig
from export.cli import main
from model_store.spec import ModelVersion
from model_store.store import Store
from tests.adapter.stores import sure_of
from tests.adapter.support import client_over
from tests.fakes import FakeModelServer
from tests.model_store.images.files import exif
from tests.model_store.pictures import encode, photo, three, transparent_three

PHOTO = photo(60, 44)
HOLES = PHOTO.copy()
HOLES.putalpha(three().resize(PHOTO.size))
PICTURES = {
    "canvas.png": encode(transparent_three()),
    "wide.png": encode(Image.fromarray(np.asarray(PHOTO.convert("L"), np.uint16) * 250)),
    "palette.png": encode(PHOTO.quantize(9), transparency=bytes([0, 90, 255])),
    "print.jpg": encode(PHOTO.convert("CMYK"), "JPEG"),
    "turned.jpg": encode(PHOTO, "JPEG", exif=exif(6)),
    "drawing.gif": encode(PHOTO.quantize(16), "GIF", transparency=3),
    "holes.webp": encode(HOLES, "WEBP", lossless=True),
    "photo.bmp": encode(PHOTO, "BMP"),
    "holes.avif": encode(HOLES, "AVIF"),
}
TYPES = {"jpg": "jpeg"}


def source(path: Path) -> Path:
    """A graph that takes the mean of each colour."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["means"]),
        helper.make_node("MatMul", ["means", "w"], ["scores"]),
    ]
    shape = (None, 3, 24, 24)
    weights = numpy_helper.from_array(np.eye(3, dtype=np.float32), "w")
    graph = helper.make_graph(
        nodes, "means",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, (None, 3))], [weights],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """A store with a model that was exported and proven on the pictures."""
    folder = tmp_path_factory.mktemp("exported")
    samples = folder / "samples"
    samples.mkdir()
    for name, data in PICTURES.items():
        (samples / name).write_bytes(data)
    arguments = ["--size", "24", "--scale", "1/255", "--samples", samples, "--store", folder / "s"]
    model = ["--name", "classifier", source(folder / "means.onnx")]
    assert main([str(argument) for argument in (*model, *arguments)]) == 0
    return folder / "s"


@pytest.fixture
def server(store):
    contract = Store(store).manifest(ModelVersion("classifier", 1)).input_contract
    return FakeModelServer({ModelVersion("classifier", 1): sure_of(1, contract, classes=3)})


@pytest.fixture
def post(store, server):
    client = client_over(AdapterConfig(store=store, services=("classifier",)), server)

    def post(**body) -> np.ndarray:
        assert client.post("/api/classifier", **body).status_code == 200
        return server.calls[-1].inputs["image"]

    return post


@pytest.fixture(scope="module")
def proven(store) -> np.ndarray:
    """The tensors that were proven, in the order of the pictures' names."""
    manifest = Store(store).manifest(ModelVersion("classifier", 1))
    with np.load(Store(store).folder(manifest.model) / manifest.golden_file) as golden:
        return golden["input:image"]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_sent_as_it_was_proven(post, proven, name):
    data, kind = PICTURES[name], name.rpartition(".")[2]
    want = proven[sorted(PICTURES).index(name)][np.newaxis]
    text = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    for body in (
        {"json": {"base64_drawing": text}},
        {"data": data, "content_type": f"image/{TYPES.get(kind, kind)}"},
    ):
        assert post(**body).tobytes() == want.tobytes()


def test_no_two_of_the_pictures_are_the_same_to_the_model(proven):
    assert len({row.tobytes() for row in proven}) == len(PICTURES)
