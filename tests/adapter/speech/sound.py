"""What is in an audio file: decoded, not believed."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import soundfile


@dataclass(frozen=True)
class Heard:
    """One decoded file.

    Attributes:
        kind: The container, as the decoder found it.
        sample_rate_hz: Samples a second.
        seconds: How long it plays.
        loudness: Root mean square of the samples, of 1.
        loud_share: How much of the time, in 20 ms pieces, is no silence.
    """

    kind: str
    sample_rate_hz: int
    seconds: float
    loudness: float
    loud_share: float


def listen(audio: bytes) -> Heard:
    """Decode *audio*."""
    with soundfile.SoundFile(io.BytesIO(audio)) as file:
        kind, rate = file.format, file.samplerate
        assert file.channels == 1
        samples = file.read(dtype="float32")
    size = rate // 50
    pieces = samples[: len(samples) // size * size].reshape(-1, size)
    levels = np.sqrt((pieces**2).mean(axis=1))
    return Heard(
        kind,
        rate,
        len(samples) / rate,
        float(np.sqrt((samples**2).mean())),
        float((levels > 0.01).mean()),
    )


def tone(seconds: float, kind: str = "WAV", subtype: str = "PCM_16", rate: int = 24_000) -> bytes:
    """A file with a tone of 440 Hz, as a service might send it."""
    file = io.BytesIO()
    moments = np.arange(int(rate * seconds)) / rate
    soundfile.write(file, 0.3 * np.sin(2 * np.pi * 440 * moments), rate, subtype, format=kind)
    return file.getvalue()
