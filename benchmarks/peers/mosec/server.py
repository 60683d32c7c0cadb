"""mosec: a Rust front, Python workers over a socket; run by its environment's Python.

Bodies are raw bytes: overriding ``deserialize`` is the documented way to do without JSON.
Batches of 8 were faster than of 32, which nobody fills: a batch that is not full waits.
"""

from __future__ import annotations

from mosec import Server, Worker

from benchmarks.peers.graphs import Graph

_BATCH = 8
_WAIT_MS = 1  # the shortest it has; a batch that is not full waits it out


class Numbers(Worker):
    """Raw pixels to raw scores."""

    model = "numbers"
    processes = 1  # of 1 and 2 the faster with 8 and 32 callers
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
        return self._graph.answers(data)


class MobileNet(Numbers):
    """The same for the larger model."""

    model = "mobilenet"
    processes = 2


if __name__ == "__main__":
    server = Server()
    for worker in (Numbers, MobileNet):
        server.append_worker(
            worker, num=worker.processes, max_batch_size=_BATCH, max_wait_time=_WAIT_MS,
            route=f"/{worker.model}",
        )  # fmt: skip
    server.run()
