"""What versions have done, in the form of Triton's statistics."""

from __future__ import annotations

from model_store.spec import ModelVersion
from serving.api.calls import ModelRef
from serving.api.oip_documents import Document
from serving.crew.crew import Crew
from serving.engine.engine import Engine
from serving.engine.statistics import Spent, Statistics
from serving.services.oip_models import find

_NOTHING = {"count": 0, "ns": 0}


async def statistics(engine: Engine, crew: Crew, ref: ModelRef) -> Document:
    """What the versions have done: one of them, all of a model, or without a name all.

    Args:
        engine: Knows whether there are such.
        crew: Has done it.
        ref: Which.

    Raises:
        EaselError: As ``find`` does.
    """
    if ref.name:
        find(engine, ref)
    done = (await crew.report()).done
    found = sorted(
        (model.name, model.number)
        for model in done
        if ref.name in ("", model.name) and ref.version in (None, model.number)
    )
    models = [ModelVersion(name, number) for name, number in found]
    return {"model_stats": [_version(model, done[model]) for model in models]}


def _version(model: ModelVersion, seen: Statistics) -> Document:
    return {
        "name": model.name,
        "version": str(model.number),
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
