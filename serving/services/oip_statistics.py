"""What versions have done, in the form of Triton's statistics."""

from __future__ import annotations

from serving.api.calls import ModelRef
from serving.api.oip_documents import Document
from serving.engine.engine import Engine
from serving.engine.servable import Servable
from serving.engine.statistics import Spent, total
from serving.services.oip_models import find

_NOTHING = {"count": 0, "ns": 0}


def statistics(engine: Engine, ref: ModelRef) -> Document:
    """What the versions have done: one of them, all of a model, or without a name all.

    Raises:
        EaselError: As ``find`` does.
    """
    if ref.name:
        find(engine, ref)
    names = (ref.name,) if ref.name else engine.models()
    found = [
        engine.find(ModelRef(name, version=status.model.number))
        for name in names
        for status in engine.statuses(name)
        if ref.version in (None, status.model.number)
    ]
    return {"model_stats": [_version(each) for each in found if isinstance(each, Servable)]}


def _version(servable: Servable) -> Document:
    seen = total(batcher.statistics for batcher in servable.batchers.values())
    return {
        "name": servable.model.name,
        "version": str(servable.model.number),
        "last_inference": seen.last_ms,
        "inference_count": seen.rows,
        "execution_count": seen.runs,
        "inference_stats": {
            "success": _duration(seen.success),
            "fail": _duration(seen.failure),
            "queue": _duration(seen.queue),
            # Joining rows and taking them apart is a part of the run here.
            "compute_input": _NOTHING,
            "compute_infer": _duration(seen.compute),
            "compute_output": _NOTHING,
            # Answers are not kept.
            "cache_hit": _NOTHING,
            "cache_miss": _NOTHING,
        },
        "batch_stats": [
            {
                "batch_size": rows,
                "compute_input": _NOTHING,
                "compute_infer": _duration(spent),
                "compute_output": _NOTHING,
            }
            for rows, spent in sorted(seen.batches.items())
        ],
    }


def _duration(spent: Spent) -> Document:
    return {"count": spent.count, "ns": spent.ns}
