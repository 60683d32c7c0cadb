"""Tensors between two of our own processes, over a stream socket.

A frame is the length of its head, the head in JSON, and the tensors' bytes.  Nothing in
it is ever evaluated.  The bytes of strings are their lengths (uint32) and then the strings.
"""

from __future__ import annotations

import json
import math
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serving.api.calls import Tensor, dtype_name

_LENGTH = struct.Struct("<I")
_MAX_HEAD_BYTES = 64 * 1024 * 1024
_STRING_LENGTH = np.dtype("<u4")
# Pieces shorter than this are copied together: a system call costs more.
_COPIED_BYTES = 64 * 1024


class FrameError(Exception):
    """The peer went away, or what came is no frame."""


def send_frame(
    peer: socket.socket, head: Mapping[str, Any], tensors: Sequence[Tensor] = ()
) -> None:
    """Send one frame.

    Args:
        peer: A stream socket.
        head: Values for JSON; ``tensors`` is ours.
        tensors: Arrays of numbers, or object arrays of ``bytes``.

    Raises:
        OSError: The peer went away.
    """
    pieces = [_bytes_of(tensor) for tensor in tensors]
    facts = [
        [dtype_name(tensor), tensor.shape, len(piece)]
        for tensor, piece in zip(tensors, pieces, strict=True)
    ]
    text = json.dumps({**head, "tensors": facts}).encode()
    first = _LENGTH.pack(len(text)) + text
    if sum([len(piece) for piece in pieces]) <= _COPIED_BYTES:
        peer.sendall(b"".join([first, *pieces]))
        return
    peer.sendall(first)
    for piece in pieces:
        peer.sendall(piece)


def receive_frame(peer: socket.socket) -> tuple[dict[str, Any], list[Tensor]]:
    """Receive one frame; waits for it.

    Raises:
        FrameError: The peer closed the connection, or did not send a frame.
        OSError: The connection broke.
    """
    (length,) = _LENGTH.unpack(_receive(peer, _LENGTH.size))
    if length > _MAX_HEAD_BYTES:
        raise FrameError("the head is too long")
    try:
        head = json.loads(_receive(peer, length))
        facts = head.pop("tensors")
        tensors = [_tensor(name, tuple(shape), _receive(peer, size)) for name, shape, size in facts]
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise FrameError(f"what came is no frame: {error}") from error
    return head, tensors


def _receive(peer: socket.socket, count: int) -> bytearray:
    data = bytearray(count)
    view, at = memoryview(data), 0
    while at < count:
        received = peer.recv_into(view[at:])
        if not received:
            raise FrameError("the other side closed the connection")
        at += received
    return data


def _bytes_of(tensor: Tensor) -> bytes | memoryview:
    if tensor.dtype != np.object_:
        return np.ascontiguousarray(tensor).reshape(-1).view(np.uint8).data
    strings = tensor.ravel().tolist()
    lengths = np.array([len(each) for each in strings], _STRING_LENGTH)
    return lengths.tobytes() + b"".join(strings)


def _tensor(dtype: str, shape: tuple[int, ...], data: bytearray) -> Tensor:
    if dtype != "bytes":
        return np.frombuffer(data, np.dtype(dtype)).reshape(shape)
    count = math.prod(shape)
    lengths = np.frombuffer(data, _STRING_LENGTH, count)
    ends = lengths.astype(np.int64).cumsum() + count * _STRING_LENGTH.itemsize
    strings = np.empty(count, object)
    strings[:] = [
        bytes(data[end - length : end])
        for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)
    ]
    return strings.reshape(shape)
