"""The bundled graphs compute what their sources computed, and read drawings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

import model_store
from export.recipes import numbers
from model_store.preprocess import to_tensor
from model_store.spec import ModelVersion
from model_store.store import Store

STORE = Store(Path(model_store.__file__).parent / "models")
NUMBERS = ModelVersion("numbers", 1)
GOLDEN_DRAWINGS = Path(__file__).parents[1] / "model_store" / "golden"


@pytest.fixture(scope="session")
def session():
    return ort.InferenceSession(str(STORE.folder(NUMBERS) / "model.onnx"))


def test_the_graph_still_gives_its_golden_outputs_at_every_batch_size(session):
    with np.load(STORE.folder(NUMBERS) / "golden.npz") as archive:
        golden = dict(archive)
    images, want = golden["input:image"], golden["output:scores"]
    for batch in (1, 2, 7, len(images)):
        for at in range(0, len(images), batch):
            (scores,) = session.run(["scores"], {"image": images[at : at + batch]})
            np.testing.assert_allclose(scores, want[at : at + batch], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("path", sorted(GOLDEN_DRAWINGS.glob("*.*g")), ids=lambda path: path.name)
def test_a_drawing_is_read_as_the_digit_that_was_drawn(session, path):
    tensor = to_tensor(path.read_bytes(), STORE.manifest(NUMBERS).input_contract)
    (scores,) = session.run(["scores"], {"image": tensor})
    assert int(scores[0].argmax()) == int(path.name[0])
    assert scores[0].max() > 0.9
    assert scores[0].sum() == pytest.approx(1.0, abs=1e-5)


def test_the_recipe_makes_the_contract_that_was_published():
    assert STORE.manifest(NUMBERS).input_contract == numbers.CONTRACT
