"""The larger model: MobileNetV2 for 224x224, with random weights, made by the exporter.

``python -m benchmarks.peers.mobilenet STORE`` in an environment with the extra [export].
What it answers means nothing; how long it takes is that of the trained one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.processes import ROOT, BenchError

NAME = "mobilenet"
SIDE_PX = 224
_SEED = 20261122
_SAMPLES = 8
# Random weights score all classes alike: with more spread a wrong answer is seen.
_SPREAD = 2.0


def ensure(store: Path, python: str) -> None:
    """Publish it into *store* unless it is there; about half a minute.

    Raises:
        BenchError: The environment cannot make it.
    """
    if (store / NAME / "1" / "manifest.json").is_file():
        return
    made = subprocess.run(
        [python, "-m", "benchmarks.peers.mobilenet", str(store)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise BenchError(f"{NAME} cannot be made: {made.stderr.strip()[-600:]}")


def build(path: Path, pictures: NDArray[np.uint8]) -> None:
    """Save the model as an author would, ``float32[N, 224, 224, 3]`` in -1..1 to scores."""
    import keras  # noqa: PLC0415 - TensorFlow, only where the model is made

    keras.utils.set_random_seed(_SEED)
    model = keras.applications.MobileNetV2(input_shape=(SIDE_PX, SIDE_PX, 3), weights=None)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    # Without the statistics of real activations these vanish within fifty layers.
    model(pictures.astype(np.float32) / 127.5 - 1.0, training=True)
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel * np.float32(_SPREAD), bias])
    model.save(path)


def samples() -> NDArray[np.uint8]:
    """Coarse random pictures: ``uint8[N, 224, 224, 3]``."""
    cells = np.random.default_rng(_SEED).integers(0, 256, (_SAMPLES, 14, 14, 3), np.uint8)
    return cells.repeat(SIDE_PX // 14, 1).repeat(SIDE_PX // 14, 2)


def main() -> int:
    """Build, export, publish."""
    from export import cli  # noqa: PLC0415

    with TemporaryDirectory() as work:
        source, pictures = Path(work) / "mobilenet.keras", Path(work) / "samples.npz"
        build(source, samples())
        np.savez(pictures, image=samples())
        return cli.main([
            str(source), "--name", NAME, "--store", sys.argv[1], "--samples", str(pictures),
            "--size", str(SIDE_PX), "--mode", "RGB", "--scale", "1/127.5", "--offset", "-1",
        ])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
