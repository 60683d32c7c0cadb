"""The server process: an engine, its methods and APIs, and the sockets they are reached by."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from model_store.errors import InvalidRequest
from model_store.opening import open_verifier
from model_store.store import Store
from serving.api.warmup import read_warmup
from serving.config import ServerConfig
from serving.crew.crew import Alone, Crew
from serving.crew.member import Member
from serving.engine.deployment import ModelConfig
from serving.engine.engine import Engine, State
from serving.engine.floor import Floor
from serving.engine.loading import LifecycleOptions
from serving.engine.machine import Machine, read_machine
from serving.engine.servable import LoadOptions
from serving.engine.threads import ThreadPlan, choose, widest_bytes
from serving.listeners import Listening
from serving.mirroring import Mirroring, local_store
from serving.observing.setup import Observing, start_observing
from serving.observing.sharing import Place
from serving.services import oip_http, tfs_rest
from serving.services.control import ModelControl, read_control
from serving.services.health import health_apis, health_methods
from serving.services.http import HttpApis
from serving.services.methods import Methods
from serving.services.oip import oip_methods
from serving.services.openapi import openapi_apis
from serving.services.reflection import reflection_methods
from serving.services.tfs import tfs_methods
from serving.services.tfs_reload import reload_methods
from serving.sockets.entrance import Arrivals
from serving.sockets.siblings import Siblings
from serving.started import Started
from serving.transport.app import AsgiApp
from serving.transport.local_socket import inherited, listening_at
from serving.transport.options import Options
from serving.transport.sockets import Listeners, address_of, listening
from serving.wanted import WantedModels, batching_of, limits_of, monitoring_of

logger = logging.getLogger(__name__)

# Tensors, runs and answers take as much again and more.
_INFLIGHT_SHARE = 4
_USUAL_MEMORY = 4 << 30

# The models that the operator names, asked anew each time: their list may change.
NamedModels = Callable[[], Iterable[ModelConfig]]


@dataclass(frozen=True, slots=True)
class Models:
    """Who controls the models, and which of them the operator names."""

    crew: Crew
    named: NamedModels = tuple


def build_engine(
    config: ServerConfig,
    has_company: Callable[[], bool] = lambda: True,
    siblings: Siblings | None = None,
) -> Engine:
    """An engine with nothing loaded yet.

    Args:
        config: The settings.
        has_company: Whether other requests are about to come; see ``Floor``.
        siblings: The other processes on the same ports.

    Raises:
        InvalidRequest: The limits contradict themselves, or their file cannot be read.
    """
    machine = read_machine()
    plan = plan_of(config, machine)
    lifecycle = LifecycleOptions(
        poll_s=config.file_system_poll_wait_seconds,
        max_retries=config.max_num_load_retries,
        retry_interval_s=config.load_retries_interval_micros / 1e6,
        drain_s=config.drain_s,
    )
    options = LoadOptions(
        plan.intra_op_threads,
        limits_of(config, plan.lanes),
        plan.wide_threads,
        widest_bytes(machine),
        read_warmup,
        floor=_floor(plan, has_company, siblings),
    )
    if config.enable_per_model_batching_parameters:
        options = replace(options, read_batching=batching_of)
    if config.trusted_key:
        options = replace(options, check=open_verifier(Path(config.trusted_key)))
    return Engine(Store(local_store(config)), options, lifecycle)


def _floor(plan: ThreadPlan, has_company: Callable[[], bool], siblings: Siblings | None) -> Floor:
    """A core is left for a second run unless there is but one, or all processes are busy."""
    if siblings is None:
        return Floor(lambda: plan.lanes == 1, has_company=has_company)
    tally = siblings.tally
    return Floor(tally.are_others_busy, tally.note_work, has_company)


def build_control(config: ServerConfig) -> ModelControl:
    """Who may load and unload models.

    Raises:
        InvalidRequest: The settings contradict each other, or the token cannot be read.
    """
    return read_control(
        is_on=config.model_control,
        token=config.model_control_token,
        token_file=config.model_control_token_file,
    )


def plan_of(config: ServerConfig, machine: Machine) -> ThreadPlan:
    """How one process of the server uses the machine's cores."""
    return choose(
        machine,
        lanes=config.lanes,
        intra_op_threads=config.intra_op_threads,
        workers=max(config.workers, 1),
    )


def inflight_bytes(config: ServerConfig, machine: Machine) -> int:
    """What the requests in one process may take: of what there is a quarter, for all of them."""
    if config.max_inflight_bytes > 0:
        return config.max_inflight_bytes
    memory = machine.memory_bytes or _USUAL_MEMORY
    return memory // (_INFLIGHT_SHARE * max(config.workers, 1))


def build_methods(config: ServerConfig, engine: Engine, models: Models) -> Methods:
    """Every gRPC method by its full path."""
    control, crew = build_control(config), models.crew
    reload = reload_methods(crew, control, local_store(config), models.named)
    methods = {**tfs_methods(engine, crew), **reload, **oip_methods(engine, control, crew)}
    methods = {**methods, **health_methods(crew, methods)}
    return {**methods, **reflection_methods(methods)} if config.enable_reflection else methods


def build_apis(config: ServerConfig, engine: Engine, observing: Observing, crew: Crew) -> HttpApis:
    """Every HTTP API by the first part of its path.

    Raises:
        InvalidRequest: The path for Prometheus is another API's.
    """
    apis = {
        **health_apis(crew),
        **openapi_apis(),
        "metrics": observing.metrics,
        "monitoring": observing.metrics,  # TF Serving's /monitoring/prometheus/metrics
        "v1": tfs_rest.tfs_http_api(engine, crew),
        "v2": oip_http.oip_http(engine, build_control(config), crew),
    }
    page = monitoring_of(config).path or "/metrics"
    if apis.setdefault(page.split("/")[1], observing.metrics) is not observing.metrics:
        raise InvalidRequest(f"monitoring_config_file: {page} is a path of another API")
    return apis


def build_app(
    config: ServerConfig, engine: Engine, observing: Observing, models: Models | None = None
) -> AsgiApp:
    """The application over *engine*, for any ASGI server; without *models* it is alone."""
    models = models or Models(Alone(engine))
    options = Options(
        max_message_bytes=config.max_message_bytes,
        max_calls=config.max_calls,
        max_inflight_bytes=inflight_bytes(config, read_machine()),
        http_timeout_s=config.rest_api_timeout_in_ms / 1e3 or None,
        allows_cors=config.enable_cors_support,
        observe=observing.observe,
        runs_model=_runs_model,
    )
    apis = build_apis(config, engine, observing, models.crew)
    return AsgiApp(build_methods(config, engine, models), apis, options)


@lru_cache(maxsize=256)
def _runs_model(path: str) -> bool:
    return tfs_rest.runs_model(path) if path[1:3].lower() == "v1" else oip_http.runs_model(path)


async def serve(
    config: ServerConfig,
    stop: asyncio.Event,
    announce: Callable[[Started], None],
    *,
    member: Member | None = None,
) -> None:
    """Serve until *stop* is set, then drain.

    The port is open while models load, so that a health check can see "not ready"; but not
    that of a worker that follows another, as its siblings answer meanwhile.

    Args:
        config: The settings.
        stop: Set by the caller's signal handlers.
        announce: Called once, when everything is loaded.
        member: Of the processes of ours that listen on the same ports; None when alone.
    """
    mirroring, arrivals = Mirroring(config), Arrivals()
    place = None if member is None else member.place
    siblings = None if place is None else Siblings(place.folder, place.number, place.processes)
    engine = build_engine(config, arrivals.are_there, siblings)
    wanted = member or WantedModels(config)
    models = Models(member or Alone(engine), wanted.named)
    observing = start_observing(config, engine, place, models.crew)
    app = build_app(config, engine, observing, models)
    if member is not None:
        member.join(engine)

    loaded = asyncio.Event()
    following = asyncio.create_task(_follow(mirroring, wanted, engine, loaded))
    try:
        if place is not None and place.is_successor:
            await _first(following, stop, loaded)
        ports, local = (config.port, config.rest_api_port), _local(config, place)
        with listening(config.host, ports, local, shares_ports=place is not None) as sockets:
            servers = Listening(app, config, sockets, arrivals, siblings)
            try:
                servers.start()
                await _first(following, stop, loaded)
                if not stop.is_set():
                    announce(_started(config, engine, sockets))
                    await _first(following, stop)
                following.cancel()
                engine.drain()  # health says no first
            finally:
                await servers.drain()
    finally:
        following.cancel()
        mirroring.close()
        observing.close()
        engine.close()
        if member is not None:
            member.leave()


def _local(
    config: ServerConfig, place: Place | None
) -> AbstractContextManager[socket.socket] | None:
    """The Unix domain socket that the settings name; a worker is given it."""
    if not config.grpc_socket_path:
        return None
    return listening_at(config.grpc_socket_path) if place is None else inherited(place.local)


async def _follow(
    mirroring: Mirroring, wanted: WantedModels | Member, engine: Engine, loaded: asyncio.Event
) -> None:
    """Load everything, say so, and follow bucket and disk from then on."""
    await mirroring.begin()
    await wanted.apply(engine)
    loaded.set()
    await asyncio.gather(engine.watch(), wanted.follow(engine))


async def _first(following: asyncio.Task[None], *events: asyncio.Event) -> None:
    """Wait for one of the *events*; raises what ends *following* before."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait([following, *waiting], return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    if following.done():
        following.result()


def _started(config: ServerConfig, engine: Engine, sockets: Listeners) -> Started:
    statuses = [status for name in engine.models() for status in engine.statuses(name)]
    return Started(
        address_of(sockets.ports[0]),
        address_of(sockets.ports[1]),
        config.grpc_socket_path,
        is_encrypted=bool(config.tls_certificate or config.ssl_config_file),
        is_http_encrypted=bool(config.tls_certificate),
        ready=tuple(str(each.model) for each in statuses if each.state is State.AVAILABLE),
        failed=tuple((str(each.model), each.error) for each in statuses if each.error),
    )
