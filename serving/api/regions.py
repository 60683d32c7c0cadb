"""Memory that callers and server share, as data: tensors that no message carries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from model_store.errors import InvalidRequest

# Where Linux has what `shm_open` opens.
FOLDER = Path("/dev/shm")  # noqa: S108 - of the system, and not for files that stay


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a POSIX shared memory object, by the name that its callers give it.

    Attributes:
        name: Of the region.
        key: Of the object, as ``shm_open`` takes it.
        offset: Bytes of the object before the region.
        byte_size: Its length.
    """

    name: str
    key: str
    offset: int
    byte_size: int


@dataclass(frozen=True, slots=True)
class Span:
    """Where in a region a tensor's bytes are, or are to go; *byte_size* is the room for them."""

    region: str
    byte_size: int
    offset: int = 0


class SharedMemory(Protocol):
    """The regions, as a call may use them.  *where* is told in messages."""

    def check(self, span: Span, where: str) -> None:
        """Check that something can be there.

        Raises:
            RegionNotFound: Nobody has registered the region.
            InvalidRequest: The span is not within it, or no memory is shared.
        """
        ...

    def read(self, span: Span, where: str) -> bytes:
        """The bytes that are there; raises what ``check`` does.

        Raises:
            MessageTooLarge: They are more than a message may have.
            Overloaded: There is no memory for them now.
        """
        ...

    def write(self, span: Span, data: bytes, where: str) -> None:
        """Put *data* there; raises what ``check`` does, also when the room is too small."""
        ...


class NotShared:
    """A ``SharedMemory`` without any."""

    def check(self, span: Span, where: str) -> None:
        """Raise InvalidRequest."""
        raise InvalidRequest(
            f"shared_memory_region '{span.region}' of {where}: this server shares no memory with "
            "its clients; start it with --shared_memory, or send the tensor in the request"
        )

    def read(self, span: Span, where: str) -> bytes:
        """Raise InvalidRequest."""
        self.check(span, where)
        return b""

    def write(self, span: Span, data: bytes, where: str) -> None:  # noqa: ARG002 - of the protocol
        """Raise InvalidRequest."""
        self.check(span, where)


NOT_SHARED = NotShared()
