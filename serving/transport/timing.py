"""Where an answer's time went, for the client that asked: gRPC's trailers, HTTP's headers."""

from __future__ import annotations

from serving.services.methods import Call


def timing_headers(call: Call) -> list[tuple[bytes, bytes]]:
    """Microseconds in the queue and in the run, and the run's rows; empty without a run."""
    if call.answer is None:
        return []
    timing = call.answer.timing
    return [
        (b"easel-queue-us", b"%d" % (timing.queue_s * 1e6)),
        (b"easel-compute-us", b"%d" % (timing.compute_s * 1e6)),
        (b"easel-batch-rows", b"%d" % timing.batch_rows),
    ]
