"""Build the ``classifier`` model: ``python -m export.recipes.classifier``.

Fetches Quick, Draw!, draws its drawings again with random pens, trains a small network first
on all 345 things and then on the 24 it shall know, prints its accuracy on the drawings that
were held out, and saves it as Teachable Machine would: a Keras 2 ``.h5`` of nested models for
224x224 RGB in -1..1, with ``labels.txt`` beside it.  From there it is exported like any
author's file.  About ten minutes on two cores; with ``--trained``, which takes the file that
was trained so and lies in ``teachable_machine/``, one.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from export import cli
from export.recipes import doodles, quickdraw, running
from export.recipes.packages import fetch
from export.recipes.quickdraw import Drawings

# Chosen for children out of 31, before the held-out drawings were looked at: the seven that
# a part of the training drawings showed to be hardest to tell apart were left out (crown,
# cloud, eyeglasses, hat, lollipop, octopus, umbrella).
CLASSES = (
    "apple", "bicycle", "butterfly", "car", "cat", "clock", "door", "envelope",
    "fish", "flower", "giraffe", "guitar", "house", "ice cream", "ladder", "rainbow",
    "sailboat", "smiley face", "snail", "snowman", "star", "sun", "t-shirt", "tree",
)  # fmt: skip
SEED = 20261122
TRAINED = Path(__file__).parent / "teachable_machine" / "keras_model.h5"
REDRAWN = 3
BATCH = 128
PASSES_ON_ALL, PASSES_ON_CLASSES = 12, 50
SAMPLES = 96

UInt8 = NDArray[np.uint8]


def build_body() -> Any:  # tf_keras has no usable types
    """What looks: ``float32[N, 32, 32, 3]`` in -1..1 to ``float32[N, 256]``."""
    from tf_keras import Sequential, layers

    def normalised(*convolutions: object) -> list[object]:
        return [*convolutions, layers.BatchNormalization(momentum=0.9), layers.ReLU()]

    def convolution(filters: int, strides: int = 1) -> list[object]:
        return normalised(layers.Conv2D(filters, 3, strides, "same", use_bias=False))

    return Sequential(
        [
            layers.InputLayer((doodles.SIDE_PX, doodles.SIDE_PX, 3)),
            *convolution(32),
            *convolution(48, 2),
            *convolution(64),
            *convolution(96, 2),
            *convolution(96),
            *convolution(160, 2),
            *normalised(layers.DepthwiseConv2D(3, padding="same", use_bias=False)),
            *normalised(layers.Conv2D(256, 1, use_bias=False)),
            layers.GlobalAveragePooling2D(),
        ]
    )


def train(body: Any, pages: UInt8, passes: int, rate: float) -> Any:
    """Put a fresh head on *body* and fit both; nothing is selected on held-out drawings.

    Args:
        body: Fitted on.
        pages: ``uint8[copies, classes, drawings, 32, 32]``.
        passes: How often each drawing is shown, in one of its copies.
        rate: The highest learning rate.

    Returns:
        The head: ``float32[N, 256]`` to scores.
    """
    from tf_keras import Sequential, layers, losses, optimizers

    copies, count, each, *_ = pages.shape
    classes = np.repeat(np.arange(count), each)
    head = Sequential(
        [layers.InputLayer((256,)), layers.Dropout(0.3), layers.Dense(count, activation="softmax")]
    )
    steps = passes * len(classes) // BATCH
    schedule = optimizers.schedules.CosineDecay(
        0.0, steps - steps // 10, warmup_target=rate, warmup_steps=steps // 10
    )
    model = Sequential([body, head])
    model.compile(
        optimizers.AdamW(schedule, weight_decay=2e-3),
        loss=losses.CategoricalCrossentropy(label_smoothing=0.1),
    )
    one_hot = np.eye(count, dtype=np.float32)
    flat = pages.reshape(copies, count * each, *pages.shape[3:])
    shown = doodles.batches(flat, classes, BATCH, SEED)
    for _ in track(range(steps), f"learning {count} things"):
        images, wanted = next(shown)
        model.train_on_batch(images, one_hot[wanted])
    return head


def assemble(body: Any, head: Any) -> Any:
    """The whole model as Teachable Machine nests it: ``float32[N, 224, 224, 3]`` to scores."""
    from tf_keras import Sequential, layers

    height, width, channels = doodles.CONTRACT.shape
    features = Sequential(
        [
            layers.InputLayer((height, width, channels)),
            layers.AveragePooling2D(doodles.POOL),
            *body.layers,
        ],
        name="sequential_1",
    )
    whole = Sequential(
        [features, Sequential(head.layers, name="sequential_3")], name="sequential_4"
    )
    whole(layers.Input((height, width, channels)))  # says its shapes from now on, and in the file
    return whole


def draw(drawings: Drawings, redrawn: int) -> UInt8:
    """What is learnt from: ``uint8[1 + redrawn, classes, drawings, 32, 32]``."""
    flat = drawings.images.reshape(-1, quickdraw.SIDE_PX, quickdraw.SIDE_PX)
    pages = doodles.copies(flat, redrawn, SEED)
    return pages.reshape(len(pages), *drawings.images.shape[:2], *pages.shape[2:])


def learn(pages: UInt8, chosen: list[int], passes: tuple[int, int]) -> Any:
    """Train on every class, then on the *chosen* ones only; returns the whole model."""
    import tf_keras

    tf_keras.utils.set_random_seed(SEED)
    body = build_body()
    train(body, pages, passes[0], 3e-3)
    head = train(body, pages[:, chosen], passes[1], 1.5e-3)
    return assemble(body, head)


def learn_from(training: Drawings) -> Any:
    """Draw again all that is not held out, and train; about ten minutes."""
    chosen = [training.names.index(name) for name in CLASSES]
    return learn(draw(training, REDRAWN), chosen, (PASSES_ON_ALL, PASSES_ON_CLASSES))


def read_trained() -> Any:
    """What ``learn_from`` came to when the recipe was written."""
    import tf_keras

    return tf_keras.models.load_model(TRAINED, compile=False)


def accuracy(model: Any, images: UInt8) -> float:
    """Share of *images* whose highest score is their class; as many of each, in order."""
    scores = model.predict(images.astype(np.float32) / 127.5 - 1.0, batch_size=64, verbose=0)
    wanted = np.repeat(np.arange(len(CLASSES)), len(images) // len(CLASSES))
    return float((scores.argmax(axis=1) == wanted).mean())


def main() -> None:
    """Fetch, draw, train, measure, save, export."""
    flags = running.read_flags("classifier", __doc__, TRAINED)
    training, held_out = quickdraw.split(quickdraw.load(fetch(quickdraw.PACKAGE)))
    model = read_trained() if flags.is_trained else learn_from(training)
    images = held_out.of(CLASSES).images.reshape(-1, quickdraw.SIDE_PX, quickdraw.SIDE_PX)
    pages = doodles.full([doodles.as_page(image) for image in images])
    redrawn = doodles.full(doodles.as_redrawn(images, SEED + 7))
    result = (
        f"{100 * accuracy(model, pages):.1f} % on {len(images)} held-out drawings of "
        f"{len(CLASSES)} things, {100 * accuracy(model, redrawn):.1f} % on the same drawn again "
        "with random pens"
    )
    print(result)
    flags.work.mkdir(parents=True, exist_ok=True)
    save(model, np.stack([pages, redrawn], axis=1), flags.work)
    if flags.is_trained:  # saved again it is the same model, with another digest
        shutil.copy(TRAINED, flags.work)
    publish(flags.work, flags.store, result)


def save(model: Any, pairs: UInt8, work: Path) -> None:
    """The author's files: ``keras_model.h5``, ``labels.txt``, and samples to prove parity on."""
    model.save(work / "keras_model.h5", include_optimizer=False, save_format="h5")
    lines = [f"{number} {name}\n" for number, name in enumerate(CLASSES)]
    (work / "labels.txt").write_text("".join(lines))
    step = max(1, 2 * len(pairs) // SAMPLES)
    np.savez_compressed(work / "samples.npz", image=np.concatenate(list(pairs[::step])))


def publish(work: Path, store: Path, tag: str) -> None:
    """Export what was trained, as its author would on the command line."""
    cli.main(
        [
            str(work / "keras_model.h5"), "--name", "classifier", "--tag", tag,
            "--store", str(store), "--labels", str(work / "labels.txt"),
            "--samples", str(work / "samples.npz"), "--size", "224", "--mode", "RGB",
            "--ink-box", "196", "--scale", "1/127.5", "--offset", "-1",
            "--author", "Easel, from Quick, Draw! by Google, Inc.", "--license", "CC-BY-4.0",
        ]
    )  # fmt: skip


if __name__ == "__main__":
    running.recipe(main)
