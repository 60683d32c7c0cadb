"""mosec: a Rust front, Python workers over a socket; run by its environment's Python.

Bodies are raw bytes: overriding ``deserialize`` is the documented way to do without JSON.
One worker process a core, each with one thread, and mosec's own dynamic batching.
"""

from __future__ import annotations

import os

from mosec import Server, Worker

from benchmarks.peers.graphs import Graph

_WORKERS = int(os.environ.get("PEER_WORKERS", "1"))
_BATCH = int(os.environ.get("PEER_BATCH", "8"))
_WAIT_MS = int(os.environ.get("PEER_WAIT_MS", "1"))


class Numbers(Worker):
    """Raw pixels to raw scores."""

    model = "numbers"
    req_mime_type = resp_mime_type = "application/octet-stream"

    def __init__(self) -> None:
        super().__init__()
        self._graph = Graph(self.model)

    def deserialize(self, data: bytes) -> bytes:
        """The body as it is."""
        return data

    def serialize(self, data: bytes) -> bytes:
        """The scores as they are."""
        return data

    def forward(self, data: list[bytes]) -> list[bytes]:
        """One run for the whole batch."""
        return self._graph.answers(data) if _BATCH > 1 else self._graph.answer(data)


class MobileNet(Numbers):
    """The same for the larger model."""

    model = "mobilenet"


if __name__ == "__main__":
    server = Server()
    for worker in (Numbers, MobileNet):
        server.append_worker(
            worker, num=_WORKERS, max_batch_size=_BATCH, max_wait_time=_WAIT_MS,
            route=f"/{worker.model}",
        )  # fmt: skip
    server.run()
