"""mosec with drawings: a Rust front, Python workers that do it all, one a core and model.

JSON both ways, as its workers have it unless told otherwise.  No batches: what takes the
time is decoding, which a batch does not make cheaper, and a batch waits for company.
"""

from __future__ import annotations

from typing import Any

from mosec import Server, Worker

from benchmarks.peers.recognition import Recogniser

_WORKERS = 2


class Numbers(Worker):
    """``{"base64_drawing": ...}`` to labels."""

    model = "numbers"

    def __init__(self) -> None:
        super().__init__()
        self._recogniser = Recogniser(self.model)

    def forward(self, data: dict[str, Any]) -> dict[str, Any]:
        """One request."""
        return self._recogniser.answer(data)


class Classifier(Numbers):
    """The same for the larger model."""

    model = "classifier"


if __name__ == "__main__":
    server = Server()
    for worker in (Numbers, Classifier):
        server.append_worker(worker, num=_WORKERS, route=f"/api/{worker.model}")
    server.run()
