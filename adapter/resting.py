"""A model server whose slow answers are waited for without a turn to work.

Quick ones are waited for within it: whoever comes back from a rest finds others at work, and
the more requests are under way in a process, the longer each of them takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from adapter.ports import ModelServer, Scores, Tensors

# Many times what a picture takes here.
SLOW_S = 0.02


@dataclass(frozen=True, slots=True)
class RestingServer:
    """A ``ports.ModelServer`` over another one.

    Attributes:
        server: Who is asked.
        resting: Entered while a model is waited for whose last answer was slow.
        clock: In seconds.
    """

    server: ModelServer
    resting: Callable[[], AbstractContextManager[None]]
    clock: Callable[[], float] = time.monotonic
    _slow: set[str] = field(default_factory=set)

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Scores:
        """See the port."""
        if model in self._slow:
            with self.resting():
                return self._timed(model, version, inputs, timeout_s)
        return self._timed(model, version, inputs, timeout_s)

    def _timed(self, model: str, version: int | None, inputs: Tensors, timeout_s: float) -> Scores:
        begun = self.clock()
        try:
            return self.server.predict(model, version, inputs, timeout_s=timeout_s)
        finally:
            if self.clock() - begun > SLOW_S:
                self._slow.add(model)
            else:
                self._slow.discard(model)

    def is_ready(self, *, timeout_s: float) -> bool:
        """See the port."""
        return self.server.is_ready(timeout_s=timeout_s)

    def health(self, *, timeout_s: float) -> Mapping[str, str | None]:
        """See the port."""
        return self.server.health(timeout_s=timeout_s)

    def close(self) -> None:
        """See the port."""
        self.server.close()
