"""One finished call goes to everything that counts, logs or traces."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

from serving.observing.histograms import Histograms, Labels, Sample
from serving.services.observation import Observation, Observe

_GRPC_APIS = {"tensorflow.serving": "tfs_grpc", "inference": "oip_grpc"}
_HTTP_APIS = {"v1": "tfs_http", "v2": "oip_http"}


@lru_cache(maxsize=128)
def protocol_of(path: str, *, is_grpc: bool) -> str:
    """Which public API a call came by: ``tfs_grpc``, ``oip_http`` and so on, or ``other``."""
    first = path[1:].partition("/")[0]
    if is_grpc:
        return _GRPC_APIS.get(first.rpartition(".")[0], "other")
    return _HTTP_APIS.get(first.lower(), "other")


def labels_of(observation: Observation, is_served: Callable[[str], bool]) -> Labels:
    """The labels under which a call is counted.

    A name that no served model has is not one: callers could fill the memory with names.
    """
    answer, asked = observation.call.answer, observation.call.asked
    protocol = protocol_of(observation.path, is_grpc=observation.is_grpc)
    code = observation.code.name
    if answer is not None:
        return Labels(answer.model.name, str(answer.model.number), protocol, code)
    name = asked.name if asked is not None and is_served(asked.name) else ""
    return Labels(name, "", protocol, code)


def sample_of(observation: Observation) -> Sample:
    """The numbers of a call."""
    queue_s = compute_s = rows = math.nan
    if observation.call.answer is not None:
        timing = observation.call.answer.timing
        queue_s, compute_s, rows = timing.queue_s, timing.compute_s, timing.batch_rows
    return Sample(
        observation.seconds,
        queue_s,
        compute_s,
        rows,
        observation.request_bytes,
        observation.response_bytes,
    )


def recorder(
    histograms: Histograms, is_served: Callable[[str], bool], others: Sequence[Observe]
) -> Observe:
    """A function for the transport; *others* are the access log and the tracer."""

    def observe(observation: Observation) -> None:
        histograms.add(labels_of(observation, is_served), sample_of(observation))
        for other in others:
            other(observation)

    return observe
