"""Tensors between processes: what is sent arrives, and what is no frame is refused."""

from __future__ import annotations

import json
import socket
import struct
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from serving.engine.tensor_frames import FrameError, receive_frame, send_frame
from tests.serving.engine.graphs import strings

NUMBERS = arrays.arrays(
    dtype=st.sampled_from(
        ["bool", "int8", "uint16", "int64", "uint64", "float16", "float32", "float64"]
    ),
    shape=arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
)


@st.composite
def texts(draw) -> np.ndarray:
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    count = int(np.prod(shape, dtype=int))
    return strings(*draw(st.lists(st.binary(), min_size=count, max_size=count))).reshape(shape)


def crossed(head, tensors):
    """Send a frame through a socket pair and receive it."""
    near, far = socket.socketpair()
    with near, far:
        sender = threading.Thread(target=send_frame, args=(near, head, tensors))
        sender.start()
        received = receive_frame(far)
        sender.join()
    return received


@given(st.lists(NUMBERS | texts(), max_size=3), st.dictionaries(st.text(), st.integers()))
def test_a_frame_arrives_as_it_was_sent(tensors, head):
    head.pop("tensors", None)
    got_head, got = crossed(head, tensors)
    assert got_head == head
    assert [(each.dtype, each.shape) for each in got] == [(t.dtype, t.shape) for t in tensors]
    for each, sent in zip(got, tensors, strict=True):
        np.testing.assert_array_equal(each, sent)


def test_what_is_longer_than_the_sockets_buffer_arrives_too():
    sent = [np.arange(2_000_000), np.arange(1_000_000, dtype=np.float32).reshape(1000, -1).T]
    _, got = crossed({}, sent)
    for each, want in zip(got, sent, strict=True):
        np.testing.assert_array_equal(each, want)


def received(data: bytes):
    near, far = socket.socketpair()
    with near, far:
        near.sendall(data)
        near.shutdown(socket.SHUT_WR)
        return receive_frame(far)


def frame(head: object, data: bytes = b"") -> bytes:
    text = json.dumps(head).encode()
    return struct.pack("<I", len(text)) + text + data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        b"\xff\xff\xff\xff",
        frame([]),
        frame({}),
        frame({"tensors": 5}),
        frame({"tensors": [["float32", [2], 4]]}, b"1234"),
        frame({"tensors": [["object", [1], 8]]}, b"12345678"),
        frame({"tensors": [["nothing", [1], 8]]}, b"12345678"),
        frame({"tensors": [["bytes", [1], 2]]}, b"12"),
        frame({"tensors": [["float32", [1], 4]]}, b"12"),
    ],
)
def test_what_is_no_frame_is_refused(data):
    with pytest.raises(FrameError):
        received(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_refused(data):
    try:
        received(data)
    except FrameError as error:
        assert str(error)
