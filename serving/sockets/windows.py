"""Flow control of what comes in (RFC 9113, section 5.2)."""

from __future__ import annotations

from serving.sockets.frames import ConnectionFault, ErrorCode


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
