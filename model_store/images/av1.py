"""What an AV1 stream says of its frames' size, before anything of it is decoded.

AV1 Bitstream and Decoding Process Specification, sections 5.3 to 5.5.  Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from model_store.images.limits import check_parts, cut_short

_SEQUENCE_HEADER = 1
# No header is longer, and reading one takes as long as passing over ten parts.
_HEADER_BYTES = 512
_HEADER_PARTS = 10


def frame_sizes(streams: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """The largest width and height that each sequence header of all *streams* allows.

    Raises:
        BadImage: A stream is damaged, or they have more parts than any picture.
    """
    parts = 0
    for stream in streams:
        for kind, content in _units(stream):
            parts += 1
            if kind == _SEQUENCE_HEADER:
                parts += _HEADER_PARTS
                yield _sequence_size(_Bits(content))
            check_parts(parts)


def _units(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each unit of a stream."""
    at = 0
    while at < len(stream):
        kind, has_extension, has_size = stream[at] >> 3 & 15, stream[at] & 4, stream[at] & 2
        at += 2 if has_extension else 1
        size, at = _leb128(stream, at) if has_size else (len(stream) - at, at)
        if at + size > len(stream):
            raise cut_short()
        yield kind, stream[at : at + min(size, _HEADER_BYTES)]
        at += size


def _leb128(stream: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(stream[at : at + 8]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise cut_short()


class _Bits:
    """Reads numbers of any count of bits, the highest first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, count: int) -> int:
        """The next *count* bits."""
        self._left -= count
        if self._left < 0:
            raise cut_short()
        return self._value >> self._left & (1 << count) - 1

    def skip_uvlc(self) -> None:
        """Pass over a number that says its own length."""
        zeros = 0
        while not self.read(1):
            zeros += 1
        self.read(zeros)


def _sequence_size(bits: _Bits) -> tuple[int, int]:
    bits.read(3 + 1)  # profile, still picture
    if is_short := bits.read(1):
        bits.read(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    width, height = bits.read(width_bits) + 1, bits.read(height_bits) + 1
    # A frame of a longer header may say another size in as many bits; encoders take no more
    # bits than they need, so that it cannot be much larger.
    if not is_short and max(width_bits - width.bit_length(), height_bits - height.bit_length()) > 0:
        raise cut_short()
    return width, height


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.read(1):  # timing
        bits.read(32 + 32)
        if bits.read(1):
            bits.skip_uvlc()
        if bits.read(1):  # the decoder's model
            delay_bits = bits.read(5) + 1
            bits.read(32 + 5 + 5)
    has_display_delay = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read(1)
        if delay_bits and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if has_display_delay and bits.read(1):
            bits.read(4)
