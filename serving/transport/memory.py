"""How much memory the requests that are inside may take together.

Each has its limit (``max_message_bytes``), and so has each connection; but many clients with
one long request each would still take everything, and the system then ends the process.
"""

from __future__ import annotations

from model_store.errors import Overloaded

_MIB = 1 << 20
# Such as a health check; how many of these there may be, others limit.
_SMALL = 16 * 1024


class Memory:
    """A count of bytes.  Lives on one event loop.

    Attributes:
        held: Bytes of the requests that are inside.
    """

    def __init__(self, most: int) -> None:
        """At *most* so many bytes; but who is alone is always let in, and who is small."""
        self.held = 0
        self._most = most

    def take(self, size: int) -> None:
        """A request needs *size* bytes more.

        Raises:
            Overloaded: All of them together would have too many.
        """
        if size > _SMALL and self.held and self.held + size > self._most:
            raise Overloaded(
                f"the requests in the server have {self.held / _MIB:.1f} MiB, and with "
                f"{size / _MIB:.1f} MiB more they would have more than max_inflight_bytes, "
                f"{self._most / _MIB:.1f} MiB"
            )
        self.held += size

    def give(self, size: int) -> None:
        """*size* bytes are free again."""
        self.held -= size
