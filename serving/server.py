"""The server process: an engine, its methods and APIs, and the sockets they are reached by."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from model_store.opening import open_verifier
from model_store.store import Store
from serving.api.warmup import read_warmup
from serving.application import Models, build_app
from serving.config import ServerConfig
from serving.crew.crew import Alone
from serving.crew.member import Member
from serving.engine.engine import Engine, State
from serving.engine.floor import Floor
from serving.engine.loading import LifecycleOptions
from serving.engine.machine import Machine, read_machine
from serving.engine.regions import Regions
from serving.engine.servable import LoadOptions
from serving.engine.threads import ThreadPlan, choose, widest_bytes
from serving.listeners import Listening
from serving.mirroring import Mirroring, local_store
from serving.observing.setup import start_observing
from serving.observing.sharing import Place
from serving.sockets.entrance import Arrivals
from serving.sockets.siblings import Siblings
from serving.started import Started
from serving.transport.local_socket import inherited, listening_at
from serving.transport.sockets import Listeners, address_of, listening
from serving.wanted import WantedModels, batching_of, limits_of

logger = logging.getLogger(__name__)


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


def plan_of(config: ServerConfig, machine: Machine) -> ThreadPlan:
    """How one process of the server uses the machine's cores."""
    return choose(
        machine,
        lanes=config.lanes,
        intra_op_threads=config.intra_op_threads,
        workers=max(config.workers, 1),
    )


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
    regions = Regions(config.shared_memory)
    models = Models(member or Alone(engine, regions), wanted.named, regions)
    observing = start_observing(config, engine, place, models.crew)
    app = build_app(config, engine, observing, models)
    if member is not None:
        member.join(engine, regions)

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
        regions.close()
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
