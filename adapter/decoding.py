"""How many pictures are decoded at once, which is what bounds a process' memory.

A picture at the pixel limit takes up to 250 MB while it is decoded and composed, one of
``LARGE_PX`` a quarter of that.  Knows no HTTP and no gRPC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field

from adapter.deadline import Deadline
from adapter.line import Line
from model_store.errors import Overloaded
from model_store.images.decoding import read_still
from model_store.images.limits import ImageLimits

AT_ONCE = 4
LARGE_PX = 4_000_000


@dataclass(frozen=True, slots=True)
class DecodingRoom:
    """Room for ``AT_ONCE`` pictures of a process, of which one may be large.

    Attributes:
        limits: What pictures may be.
        resting: Entered while a large picture waits for another one, so that others may work.
    """

    limits: ImageLimits
    resting: Callable[[], AbstractContextManager[None]] = nullcontext
    _any: Line = field(default_factory=lambda: Line(AT_ONCE))
    _large: Line = field(default_factory=lambda: Line(1))

    @contextmanager
    def take(self, picture: bytes, deadline: Deadline) -> Iterator[None]:
        """Wait for room, and hold it while an encoded *picture* is decoded.

        Raises:
            BadImage: It is no picture.
            ImageTooLarge: It is beyond the limits; nobody waits to hear that.
            Overloaded: There was no room before the deadline.
        """
        still = read_still(picture, self.limits)
        with ExitStack() as held:
            # Large ones wait outside, so that the small ones pass them.
            if still.width * still.height > LARGE_PX:
                self._enter_large(held, deadline)
            _enter(self._any, held, deadline)
            yield

    def _enter_large(self, held: ExitStack, deadline: Deadline) -> None:
        if self._large.enter(0):
            held.callback(self._large.leave)
            return
        with self.resting():
            _enter(self._large, held, deadline)


def _enter(line: Line, held: ExitStack, deadline: Deadline) -> None:
    if not line.enter(deadline.left_s()):
        raise Overloaded("too many pictures at once; try again, or send smaller ones")
    held.callback(line.leave)
