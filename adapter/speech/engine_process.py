"""The speech engine's process: eSpeak NG behind a pipe.  A program, which nobody imports.

eSpeak NG is under the GPL and reads what strangers wrote, with code in C: both are reasons
for a process of its own.  It imports nothing of ours, so that it starts in no time.

On standard input come requests, on standard output go answers: four bytes with the length
of a JSON text, the text, and after an answer's text as many bytes as its ``bytes`` says.
It ends with its input.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import resource
import struct
import sys
import wave
from typing import Any, BinaryIO

MAX_AUDIO_BYTES = 48 * 1024 * 1024
_MAX_MEMORY_BYTES = 1024 * 1024 * 1024
_RETRIEVE_SYNCHRONOUSLY = 2
_DO_NOT_EXIT = 0x8000
_UTF8 = 1
_BY_CHARACTER = 1
_RATE = 1
_BLOCK = 65536  # libsndfile's Vorbis encoder overflows its stack on long blocks

_Heard = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Engine:
    """eSpeak NG, loaded once."""

    def __init__(self) -> None:
        library, data = _find()
        self._library = ctypes.CDLL(library)
        self._samples = bytearray()
        self._is_too_long = False
        self.sample_rate_hz = self._library.espeak_Initialize(
            _RETRIEVE_SYNCHRONOUSLY, 0, data, _DO_NOT_EXIT
        )
        if self.sample_rate_hz <= 0:
            raise RuntimeError(f"{library} cannot be initialised")
        self._hear = _Heard(self._listen)  # must live as long as the library may call it
        self._library.espeak_SetSynthCallback(self._hear)

    def speak(self, text: str, voice: str, words_per_minute: int) -> bytes:
        """*text* as samples: int16, one channel."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"there is no voice {voice!r}")
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        self._samples.clear()
        self._is_too_long = False
        encoded = text.encode()
        status = self._library.espeak_Synth(
            encoded, ctypes.c_size_t(len(encoded) + 1), 0, _BY_CHARACTER, 0, _UTF8, None, None
        )
        if self._is_too_long:
            raise ValueError("the speech is too long")
        if status != 0:
            raise RuntimeError(f"eSpeak NG failed with {status}")
        return bytes(self._samples)

    def _listen(self, samples: Any, count: int, _: Any) -> int:
        if samples and count > 0:
            self._samples += ctypes.string_at(samples, 2 * count)
        self._is_too_long = len(self._samples) > MAX_AUDIO_BYTES
        return int(self._is_too_long)


def _find() -> tuple[str, bytes | None]:
    """The library and its data: the package's, or the system's with its own data."""
    try:
        import espeakng_loader  # noqa: PLC0415 - optional
    except ImportError:
        return {"darwin": "libespeak-ng.1.dylib"}.get(sys.platform, "libespeak-ng.so.1"), None
    return espeakng_loader.get_library_path(), espeakng_loader.get_data_path().encode()


def encode(samples: bytes, sample_rate_hz: int, kind: str) -> bytes:
    """int16 samples of one channel as a ``wav``, ``ogg`` (Vorbis) or ``mp3`` file."""
    file = io.BytesIO()
    if kind == "wav":
        with wave.open(file, "wb") as writer:
            writer.setnchannels(1)
            writer.setsampwidth(2)
            writer.setframerate(sample_rate_hz)
            writer.writeframes(samples)
        return file.getvalue()
    import soundfile  # noqa: PLC0415 - optional, and numpy with it

    codec = {"ogg": ("OGG", "VORBIS"), "mp3": ("MP3", "MPEG_LAYER_III")}[kind]
    with soundfile.SoundFile(
        file, "w", sample_rate_hz, 1, format=codec[0], subtype=codec[1]
    ) as writer:
        for begin in range(0, len(samples), _BLOCK):
            writer.buffer_write(samples[begin : begin + _BLOCK], "int16")
    return file.getvalue()


def answer(engine: Engine, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The answer's text and the audio for one request."""
    try:
        samples = engine.speak(request["text"], request["voice"], request["words_per_minute"])
        audio = encode(samples, engine.sample_rate_hz, request["format"])
    except ValueError as error:
        return {"refused": str(error)}, b""
    return {"is_silent": not samples.strip(b"\0")}, audio


def read_exactly(source: BinaryIO, size: int) -> bytes | None:
    """*size* bytes; None when the input ended before."""
    data = source.read(size)
    return data if len(data) == size else None


def serve(engine: Engine, source: BinaryIO, sink: BinaryIO) -> None:
    """Answer one request after another until the input ends."""
    while (head := read_exactly(source, 4)) is not None:
        text = read_exactly(source, struct.unpack("!I", head)[0])
        if text is None:
            return
        header, audio = answer(engine, json.loads(text))
        encoded = json.dumps({**header, "bytes": len(audio)}).encode()
        sink.write(struct.pack("!I", len(encoded)) + encoded + audio)
        sink.flush()


def main() -> None:
    """Serve on standard input and output; what libraries print goes to standard error."""
    with contextlib.suppress(ValueError, OSError):  # macOS does not know this limit
        resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(Engine(), sys.stdin.buffer, sink)


if __name__ == "__main__":
    main()
