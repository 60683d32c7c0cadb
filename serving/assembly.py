"""The server's parts put together, whatever transport is over them."""

from __future__ import annotations

from model_store.store import Store
from serving.config import ServerConfig
from serving.engine.batching import BatchLimits
from serving.engine.engine import Engine, State
from serving.engine.servable import LoadOptions
from serving.services.health import health_methods
from serving.services.methods import Methods
from serving.services.oip import oip_methods
from serving.services.tfs import tfs_methods
from serving.transports.control import Report


def build_engine(config: ServerConfig) -> Engine:
    """An engine with nothing loaded yet."""
    limits = BatchLimits(
        max_rows=config.max_batch_rows,
        max_waiting_rows=config.max_waiting_rows,
        lanes=config.lanes,
    )
    return Engine(Store(config.store), LoadOptions(config.intra_op_threads, limits))


def build_methods(engine: Engine) -> Methods:
    """Every gRPC method by its full path."""
    methods = {**tfs_methods(engine), **oip_methods(engine)}
    return {**methods, **health_methods(engine, methods)}


def loaded_report(engine: Engine) -> Report:
    """What a start has loaded, and what it could not."""
    statuses = [status for name in engine.models() for status in engine.statuses(name)]
    return Report(
        "loaded",
        ready=tuple(str(each.model) for each in statuses if each.state is State.AVAILABLE),
        failed=tuple((str(each.model), each.error) for each in statuses if each.error),
    )
