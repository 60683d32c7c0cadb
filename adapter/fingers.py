"""A photograph or drawing of a hand in, its landmarks and raised fingers out.

Knows no HTTP and no gRPC.  What is looked at, and how often, is ``model_store.hand``'s: the
recipe measures with it too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from adapter.asking import Asked
from adapter.classify import Classifier
from adapter.deadline import Deadline
from model_store import hand
from model_store.contract import ImageContract
from model_store.errors import EaselError
from model_store.hand import Hand, Seen, UInt8
from model_store.images.composing import compose
from model_store.images.decoding import decode_image
from model_store.spec import ModelVersion

# More pixels show a hand no better to a model that sees it at 224.
_LONGEST_PX = 1024
_OUTPUTS = ("landmarks", "presence", "handedness")


@dataclass(frozen=True, slots=True)
class Fingers:
    """What was seen.

    Attributes:
        model: The version that saw it.
        hand: With its landmarks in the picture's pixels.
        size: Width and height of the picture.
    """

    model: ModelVersion
    hand: Hand
    size: tuple[int, int]


def count_fingers(classifier: Classifier, name: str, picture: bytes, deadline: Deadline) -> Fingers:
    """Look for a hand in an encoded picture, with two to three calls of model *name*.

    Raises:
        BadImage: The bytes are no picture that can be read.
        EaselError: As ``Classifier.classify`` does, or the model finds no landmarks.
    """
    contract = classifier.catalogue.live(name).contract
    with classifier.room.take(picture, deadline):
        whole = compose(decode_image(picture, classifier.room.limits), contract)
        small = whole.copy()
        small.thumbnail((_LONGEST_PX, _LONGEST_PX), Image.Resampling.BILINEAR, reducing_gap=2.0)
    size_px = contract.size[0]
    answered: list[Asked] = []

    def see(pixels: UInt8) -> Seen:
        # All looks are by the version that had the first.
        version = answered[0].version.model.number if answered else None
        asked = classifier.put(name, lambda wanted: _fitted(pixels, wanted), deadline, version)
        answered.append(asked)
        return _to_seen(asked, size_px)

    found = hand.look(small.convert("RGB"), see, size_px)
    scale = whole.width / small.width
    found = replace(found, points=found.points * np.float32(scale))
    return Fingers(answered[0].version.model, found, whole.size)


def _fitted(pixels: UInt8, contract: ImageContract) -> UInt8:
    """The same rows for a version of another size."""
    if pixels.shape[1:] == contract.shape:
        return pixels
    height, width, _ = contract.shape
    rows = (Image.fromarray(row).convert(contract.mode).resize((width, height)) for row in pixels)
    return np.stack([np.asarray(row, np.uint8).reshape(contract.shape) for row in rows])


def _to_seen(asked: Asked, size_px: int) -> Seen:
    """The outputs, as of an input that is *size_px* wide.

    Raises:
        EaselError: They are not those of a model of hands.
    """
    outputs = asked.outputs
    widths = [outputs[name].shape[1:] for name in _OUTPUTS if name in outputs]
    if widths != [(hand.LANDMARKS * 3,), (1,), (1,)]:
        raise EaselError(
            f"{asked.version.model} is no model of hands: its outputs must be landmarks [N, 63], "
            "presence [N, 1] and handedness [N, 1]"
        )
    landmarks, presence, handedness = (outputs[name].astype(np.float32) for name in _OUTPUTS)
    return Seen(landmarks * (size_px / asked.version.contract.size[1]), presence, handedness)
