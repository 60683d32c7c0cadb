"""What a peer may ask of a connection without asking for anything."""

from __future__ import annotations

from collections.abc import Callable

from serving.sockets.frames import ConnectionFault, ErrorCode


class Budget:
    """Spent by frames that cost work and bring nothing; filled by what they may go with.

    Known floods are all of this kind: resets (CVE-2023-44487), pings and settings
    (CVE-2019-9512, -9515), empty frames (CVE-2019-9518), CONTINUATION (CVE-2024-27316).
    """

    FULL = 2000
    FOR_REQUEST = 20
    FOR_DATA = 4
    PER_S = 50.0

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = self.FULL
        self._filled = clock()

    def spend(self) -> None:
        """One such frame.

        Raises:
            ConnectionFault: There were too many.
        """
        self._left -= 1
        if self._left < 0:
            now = self._clock()
            self._left = min(self.FULL, int((now - self._filled) * self.PER_S)) - 1
            self._filled = now
            if self._left < 0:
                raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many frames for nothing")

    def earn(self, frames: int) -> None:
        """Something went through that such frames go with."""
        self._left = min(self.FULL, self._left + frames)
