"""Flow control, of what comes in and of what goes out (RFC 9113, section 5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from serving.sockets import frames
from serving.sockets.frames import ConnectionFault, ErrorCode, StreamFault


class ReceiveWindow:
    """How much the peer may still send, on a connection or on one of its streams."""

    __slots__ = ("_half", "_left", "_owed")

    def __init__(self, size: int) -> None:
        self._left = size
        self._half = size // 2
        self._owed = 0

    def take(self, size: int) -> None:
        """Bytes came.

        Raises:
            ConnectionFault: The peer had been told not to send them.
        """
        self._left -= size
        if self._left < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the window")

    def give(self, size: int) -> int:
        """Bytes were read; the credit to send now, which is 0 until half a window is owed."""
        self._owed += size
        if self._owed < self._half:
            return 0
        credit, self._owed = self._owed, 0
        self._left += credit
        return credit


class Taker(Protocol):
    """A stream whose answer may be waiting for room."""

    def widen(self, room: int) -> int:
        """There is *room*; returns how much of it is taken."""
        ...


def share(room: int, streams: Mapping[int, Taker]) -> None:
    """Wake no more streams than there is room for: a byte of credit must not wake all."""
    for each in streams.values():
        if room <= 0:
            break
        room -= each.widen(room)


def widened(window: int, credit: int, fault: type[ConnectionFault | StreamFault]) -> int:
    """A window for sending after the peer's credit.

    Raises:
        ConnectionFault: The credit is none, or too much; *fault* says whose it is.
        StreamFault: The same.
    """
    if credit == 0:
        raise fault(ErrorCode.PROTOCOL_ERROR, "a credit of nothing")
    if window + credit > frames.MAX_WINDOW:
        raise fault(ErrorCode.FLOW_CONTROL_ERROR, "a window of 2 GiB and more")
    return window + credit
