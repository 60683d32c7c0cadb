"""What the engine needs of a loaded model, whatever runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Protocol

from model_store.spec import Signature
from serving.api.calls import Tensor, Tensors


class Abort:
    """Ends a run from another thread, when nobody waits for it any more."""

    def __init__(self) -> None:
        self._stop: Callable[[], object] | None = None
        self.is_set = False

    def bind(self, stop: Callable[[], object]) -> None:
        """The session says how its run is ended; at once, if it is to end already."""
        self._stop = stop
        if self.is_set:
            stop()

    def set(self) -> None:
        """End the run, now or when it begins."""
        self.is_set = True
        if self._stop is not None:
            self._stop()


class Session(Protocol):
    """Something loaded that computes outputs from inputs, for one signature."""

    def run(
        self, outputs: Sequence[str], inputs: Tensors, abort: Abort | None = None
    ) -> list[Tensor]:
        """Compute the named *outputs*, in that order.  Safe to call from several threads.

        Args:
            outputs: Names from the signature.
            inputs: Checked against the signature already; strings are arrays of ``bytes``.
            abort: Where given, setting it makes the run end early, with an exception.
        """
        ...


class LoadedModel(Protocol):
    """One version's files in memory, or in another process."""

    @property
    def waiting(self) -> Executor | None:
        """Threads of its own, where runs wait for another process; None: runs compute here."""
        ...

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What the files themselves say they take and give, by signature."""
        ...

    def session(self, signature: str) -> Session:
        """The session of one of the manifest's signatures."""
        ...

    def close(self) -> None:
        """Free the memory; runs that have begun may fail."""
        ...
