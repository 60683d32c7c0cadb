"""Pictures that mean harm, and what each costs until it is refused.

``python -m benchmarks.hostile`` writes a table; each picture is read in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path

from PIL import Image

from model_store.contract import ImageContract
from model_store.errors import InvalidRequest
from model_store.images.decoding import FORMATS
from model_store.preprocess import to_tensor

MAX_BYTES = 10 * 1024 * 1024
CONTRACT = ImageContract("image", (224, 224))
_PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(side_px: int, *, before: bytes = b"", after: bytes = b"", interlaced: int = 0) -> bytes:
    """A PNG that says it is *side_px* wide and has the pixels of 16 x 16."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side_px, side_px, 8, 2, 0, 0, interlaced))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 49 * 16))
    return _PNG + header + before + pixels + after + chunk(b"IEND")


def _filled(piece: bytes, most: int = MAX_BYTES - 10_000) -> bytes:
    return piece * (most // len(piece))


def _encoded(kind: str, image: Image.Image | None = None) -> bytes:
    file = BytesIO()
    (image or Image.new("RGB", (16, 16))).save(file, kind)
    return file.getvalue()


def _jpeg(*, segments: bytes = b"", side_px: int = 16, scans: bytes = b"") -> bytes:
    """A progressive JPEG with more before its frame and after its scans."""
    file = BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG", progressive=True)
    data = bytearray(file.getvalue())
    struct.pack_into(">HH", data, data.index(b"\xff\xc2") + 5, side_px, side_px)
    return bytes(data[:2]) + segments + bytes(data[2:-2]) + scans + bytes(data[-2:])


def _last_scan() -> bytes:
    data = _jpeg()
    return data[data.rindex(b"\xff\xda") : -2]


def _gif(*, before: bytes = b"", after: bytes = b"", pixels: bytes | None = None) -> bytes:
    data = _encoded("GIF", Image.new("P", (16, 16)))
    at = data.index(b"\x2c\0\0\0\0\x10\0\x10\0")
    picture = data[at:-1] if pixels is None else data[at : at + 11] + pixels
    return data[:at] + before + picture + after + b";"


def _gif_frame() -> bytes:
    data = _encoded("GIF", Image.new("P", (16, 16)))
    return data[data.index(b"\x2c\0\0\0\0\x10\0\x10\0") : -1]


def _webp(chunks: bytes, side_px: int = 16) -> bytes:
    side = (side_px - 1).to_bytes(3, "little")
    head = b"VP8X" + struct.pack("<II", 10, 2) + side + side
    return b"RIFF" + struct.pack("<I", 4 + len(head) + len(chunks)) + b"WEBP" + head + chunks


def _webp_chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _webp_frame() -> bytes:
    still = _encoded("WEBP")[12:]
    return _webp_chunk(b"ANMF", b"\0" * 6 + b"\x0f\0\0" * 2 + b"\x0a\0\0\0" + still)


def _bmp(compression: int, pixels: bytes, width: int = 4000, height: int = 4000) -> bytes:
    header = struct.pack("<IiiHHIIIIII", 40, width, height, 1, 8, compression, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<III", 0, 0, 54 + 1024) + header + b"\1\2\3\0" * 256 + pixels


def sequence_header(width: int, height: int) -> bytes:
    """An AV1 stream of nothing but the shortest sequence header for a picture of this size."""
    wide, high = (width - 1).bit_length(), (height - 1).bit_length()
    fields = ((0, 3), (1, 1), (1, 1), (8, 5), (wide - 1, 4), (high - 1, 4))
    bits = "".join(f"{value:0{count}b}" for value, count in fields)
    bits += f"{width - 1:0{wide}b}{height - 1:0{high}b}"
    header = int(bits.ljust(16 * 8, "0"), 2).to_bytes(16, "big")
    return bytes([1 << 3 | 2, len(header)]) + header


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + kind + content


def avif(
    stream: bytes, width: int = 64, height: int = 48, kind: bytes = b"av01", items: int = 1
) -> bytes:
    """An AVIF whose *items* are all made of one *stream*, and that says it is of this size."""
    numbers = range(1, items + 1)
    entries = [_box(b"infe", struct.pack(">IHH", 2 << 24, n, 0), kind, b"\0") for n in numbers]
    size = _box(b"ispe", struct.pack(">III", 0, width, height))
    where = b"".join(struct.pack(">HHHHII", n, 1, 0, 1, 0, len(stream)) for n in numbers)
    meta = _box(
        b"meta", bytes(4), _box(b"hdlr", bytes(8), b"pict", bytes(13)),
        _box(b"pitm", bytes(4), b"\0\1"), _box(b"idat", stream),
        _box(b"iloc", b"\1\0\0\0\x44\0", struct.pack(">H", items), where),
        _box(b"iinf", bytes(4), struct.pack(">H", items), *entries),
        _box(b"iprp", _box(b"ipco", size), _box(b"ipma", bytes(8))),
    )  # fmt: skip
    return _box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf") + meta


def _exif(tags: int, size: int) -> bytes:
    """EXIF data each tag of which claims the same *size* bytes."""
    entries = b"".join(struct.pack("<HHII", 1000 + tag, 7, size, 8) for tag in range(tags))
    return b"II*\0" + struct.pack("<IH", 8, tags) + entries + b"\0" * size


def _in_segments(marker: int, data: bytes, prefix: bytes) -> bytes:
    pieces = [data[at : at + 60_000] for at in range(0, len(data), 60_000)]
    return b"".join(
        struct.pack(">BBH", 0xFF, marker, 2 + len(prefix) + len(piece)) + prefix + piece
        for piece in pieces
    )


_BOMB = zlib.compress(b"\0" * 1_000_000, 9)
_FRAME_CONTROL = struct.pack(">IIIIIHHBB", 0, 16, 16, 0, 0, 1, 10, 0, 0)

PICTURES: Mapping[str, Callable[[], bytes]] = {
    "PNG, says 50000 x 50000": lambda: _png(50_000),
    "PNG, interlaced, says 20000 x 20000": lambda: _png(20_000, interlaced=1),
    "PNG, says 4000 x 4000, has 16 x 16": lambda: _png(4000),
    "PNG, one row too many": lambda: _png(4001),
    "PNG, packed texts of 1 MB each": lambda: _png(
        16, before=_filled(chunk(b"zTXt", b"Comment\0\0" + _BOMB), 5_000_000)
    ),
    "PNG, world texts behind the pixels": lambda: _png(
        16, after=_filled(chunk(b"iTXt", b"Comment\0\1\0\0\0" + _BOMB), 5_000_000)
    ),
    "PNG, thousands of colour profiles": lambda: _png(
        16, before=_filled(chunk(b"iCCP", b"wide\0\0" + _BOMB), 5_000_000)
    ),
    "PNG, a million empty chunks": lambda: _png(16, before=_filled(chunk(b"tEXt"))),
    "PNG, a million empty IDAT": lambda: _png(16, before=_filled(chunk(b"IDAT"))),
    "PNG, 100,000 frames": lambda: _png(16, before=_filled(chunk(b"fcTL", _FRAME_CONTROL))),
    "PNG, EXIF that names 3 MB 60,000 times": lambda: _png(
        16, before=chunk(b"eXIf", _exif(60_000, 3_000_000))
    ),
    "JPEG, says 65000 x 65000": lambda: _jpeg(side_px=65_000),
    "JPEG, says 4000 x 4000, has 16 x 16": lambda: _jpeg(side_px=4000),
    "JPEG, 10,000 scans": lambda: _jpeg(scans=_last_scan() * 10_000),
    "JPEG, 10,000 scans of 4000 x 4000": lambda: _jpeg(side_px=4000, scans=_last_scan() * 10_000),
    "JPEG, two million empty comments": lambda: _jpeg(segments=_filled(b"\xff\xfe\0\2")),
    "JPEG, 10 MB of nothing before its frame": lambda: _jpeg(
        segments=b"\xff\xfe\0\2" + _filled(b"\0")
    ),
    "JPEG, EXIF that names 3 MB 60,000 times": lambda: _jpeg(
        segments=_in_segments(0xE1, _exif(60_000, 3_000_000), b"Exif\0\0")
    ),
    "GIF, page of 60000 x 60000": lambda: (
        _gif()[:6] + struct.pack("<HH", 60_000, 60_000) + _gif()[10:]
    ),
    "GIF, 100,000 frames": lambda: _gif(after=_filled(_gif_frame())),
    "GIF, a comment in blocks of one byte": lambda: _gif(
        before=b"\x21\xfe" + _filled(b"\1x") + b"\0"
    ),
    "GIF, pixels in blocks of one byte": lambda: _gif(pixels=_filled(b"\1\4") + b"\0"),
    "GIF, 10 MB of nothing": lambda: _gif(before=_filled(b"\0")),
    "WebP, says 16384 x 16384": lambda: _webp(_encoded("WEBP")[12:], 16_384),
    "WebP, 100,000 frames": lambda: _webp(_webp_chunk(b"ANIM", b"\0" * 6) + _filled(_webp_frame())),
    "WebP, a million empty chunks": lambda: _webp(_filled(b"what\0\0\0\0")),
    "BMP, says 50000 x 50000": lambda: _bmp(0, b"", 50_000, 50_000),
    "BMP, says 4000 x 4000, has none": lambda: _bmp(0, b""),
    "BMP, five million ends of line": lambda: _bmp(1, _filled(b"\0\0")),
    "BMP, 4000 rows of one pixel": lambda: _bmp(1, b"\1\1\0\0" * 4000),
    "BMP, runs of one pixel": lambda: _bmp(1, _filled(b"\1\1")),
    "AVIF, says 60000 x 60000": lambda: avif(sequence_header(64, 48), 60_000, 60_000),
    "AVIF, its stream says 16000 x 16000": lambda: avif(sequence_header(16_000, 16_000)),
    "AVIF, put together to 60000 x 60000": lambda: avif(
        struct.pack(">BBBBII", 0, 1, 9, 9, 60_000, 60_000), kind=b"grid"
    ),
    "AVIF, 9000 items of one stream": lambda: avif(sequence_header(64, 48) * 5000, items=9000),
    "AVIF, 500,000 headers of a stream": lambda: avif(_filled(sequence_header(64, 48))),
    "AVIF, a million empty parts of a stream": lambda: avif(_filled(b"\x12\0")),
    "AVIF, a million empty boxes": lambda: avif(b"") + _filled(_box(b"free")),
    "11 MB of zeros": lambda: b"\0" * (11 * 1024 * 1024),
    "a PNG of 11 MB": lambda: _png(16, before=chunk(b"tEXt", b"x" * 11_000_000)),
}


def costs(names: Iterator[str]) -> Iterator[dict[str, object]]:
    """What each picture costs: ``ms``, ``mb`` of memory beyond the file's own, and the answer."""
    for kind in FORMATS:  # what is loaded once is no cost of the picture
        to_tensor(_encoded(kind), CONTRACT)
    for name in names:
        data = PICTURES[name]()
        read, write = os.pipe()
        if (pid := os.fork()) == 0:
            os.write(write, json.dumps({"picture": name, **_cost(data)}).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            answer = told.read()
        os.waitpid(pid, 0)
        yield json.loads(answer)


def _cost(data: bytes) -> dict[str, object]:
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    before = _peak_mb()
    began = time.perf_counter()
    try:
        answer = f"tensor {to_tensor(data, CONTRACT).shape}"
    except InvalidRequest as error:
        answer = f"{type(error).__name__}: {error}"
    taken_ms = (time.perf_counter() - began) * 1000
    return {"ms": round(taken_ms, 1), "mb": round(_peak_mb() - before, 1), "answer": answer}


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> int:
    """Write a table, or a line of JSON for each picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    wants_json = parser.parse_args().json
    for cost in costs(iter(PICTURES)):
        line = "{picture:42} {ms:8} ms {mb:7} MB  {answer}".format(**cost)
        print(json.dumps(cost) if wants_json else line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
