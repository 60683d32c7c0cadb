"""Shared memory: who may register it, and what a call may take of it."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from model_store.errors import (
    InvalidRequest,
    MessageTooLarge,
    PermissionDenied,
    RegionNotFound,
)
from serving.api.regions import NOT_SHARED, Region, SharedMemory, Span
from serving.crew.crew import Crew
from serving.engine.regions import Regions


class Budget(Protocol):
    """The memory that all requests may take together."""

    def take(self, size: int) -> None:
        """Raise Overloaded unless there is as much."""
        ...

    def give(self, size: int) -> None:
        """It is free again."""
        ...


class _Boundless:
    def take(self, size: int) -> None:
        """Nothing."""

    def give(self, size: int) -> None:
        """Nothing."""


class Sharing:
    """The regions of this process, for its calls."""

    def __init__(
        self,
        regions: Regions | None = None,
        budget: Budget | None = None,
        most_bytes: int = 1 << 30,
    ) -> None:
        """*most_bytes* are those of one tensor."""
        self.regions = regions or Regions()
        self._budget = budget or _Boundless()
        self._most_bytes = most_bytes

    def for_call(self) -> Taken:
        """For one call, which gives back in the end what it took."""
        return Taken(self.regions, self._budget, self._most_bytes)

    def listed(self, name: str) -> tuple[Region, ...]:
        """The region *name*, or all if it is empty.

        Raises:
            PermissionDenied: Nothing is shared, or what is shared is nobody else's business.
            RegionNotFound: There is none.
        """
        self.check()
        if not self.regions.is_told:
            raise PermissionDenied(
                "the regions here are told to nobody: the server shares only objects of one "
                "prefix (--shared_memory)"
            )
        found = tuple(each for each in self.regions.all() if name in ("", each.name))
        if name and not found:
            raise RegionNotFound(f"Unable to find system shared memory region: '{name}'")
        return found

    def check(self) -> None:
        """Raise PermissionDenied unless memory is shared at all."""
        if not self.regions.is_open:
            raise PermissionDenied(
                "this server shares no memory with its clients; start it with --shared_memory"
            )


class Taken:
    """What one call has of the regions: a ``SharedMemory``, and a context that ends it."""

    __slots__ = ("_budget", "_held", "_most_bytes", "_regions")

    def __init__(self, regions: Regions, budget: Budget, most_bytes: int) -> None:
        self._regions = regions
        self._budget = budget
        self._most_bytes = most_bytes
        self._held = 0

    def __enter__(self) -> SharedMemory:
        return self if self._regions.is_open else NOT_SHARED

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._held:
            self._budget.give(self._held)

    def check(self, span: Span, where: str) -> None:  # noqa: ARG002 - of the protocol
        """See ``SharedMemory``."""
        self._regions.check(span)

    def read(self, span: Span, where: str) -> bytes:
        """See ``SharedMemory``."""
        if span.byte_size > self._most_bytes:
            raise MessageTooLarge(
                f"{where} has {span.byte_size} bytes of shared memory, more than "
                f"max_message_bytes, {self._most_bytes}"
            )
        self._budget.take(span.byte_size)
        self._held += span.byte_size
        return self._regions.read(span)

    def write(self, span: Span, data: bytes, where: str) -> None:
        """See ``SharedMemory``."""
        if len(data) > span.byte_size:
            raise InvalidRequest(
                f"shared memory size specified with the request for {where} ({span.byte_size} "
                f"bytes) should be at least {len(data)} bytes to hold the results"
            )
        self._regions.write(span, data)


async def register(sharing: Sharing, crew: Crew, region: Region) -> None:
    """Let calls use *region* from now on, in every process.

    Raises:
        EaselError: Nothing is shared, or this is not; see ``Regions.register``.
    """
    sharing.check()
    await crew.register_region(region)


async def unregister(sharing: Sharing, crew: Crew, name: str) -> None:
    """Let calls use the region *name* no more, or none if it is empty.

    Raises:
        PermissionDenied: Nothing is shared; or all are meant, and some are others'.
    """
    sharing.check()
    if not name and not sharing.regions.is_told:
        raise PermissionDenied("name the region to unregister; there may be others' here")
    await crew.unregister_region(name)
