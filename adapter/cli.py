"""``easel adapter``: read the settings and run the application under granian."""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from adapter.cloud.credentials import find_credentials
from adapter.config import WORKER_CONFIG_VARIABLE, AccessConfig, AdapterConfig, Settings
from adapter.draining import ASK_S, DRAIN_VARIABLE, REFUSE_S, end_is_near
from adapter.http.access_log import STDOUT
from adapter.http.cors import read_cors
from adapter.http.guard import read_guard
from adapter.http.turns import READERS
from adapter.services import check_services
from adapter.wiring import build_parts
from model_store.address import check_free
from model_store.errors import InvalidRequest
from model_store.settings import add_section_flags, read_sections, to_json

_STOP_S = 10
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="easel adapter", description="Answer drawings over HTTP, with the web page."
    )
    add_section_flags(parser, Settings, "adapter")
    settings = read_sections(Settings, "adapter", parser.parse_args(arguments), os.environ)
    config = settings.adapter
    check_services(config.services)
    if not config.store.is_dir():
        raise InvalidRequest(f"there is no model store at {config.store}; name one with --store")
    # What is wrong with them is told here and not by every worker.
    build_parts(settings, credentials=find_credentials(os.environ))
    _check(settings.access)
    check_free(config.host, config.port, "stop that program or choose another with --port")
    os.environ[WORKER_CONFIG_VARIABLE] = to_json(settings)
    server = Granian(
        "adapter.wsgi:app",
        interface=Interfaces.WSGI,
        address=config.host,
        port=config.port,
        workers=config.workers,
        blocking_threads=config.threads + READERS,
        log_access=False,
        # A worker that is told to stop while it still starts does not hear it.
        workers_kill_timeout=_STOP_S,
        # Its warnings are about settings that were chosen by measurement.
        log_level=LogLevels.error,
    )
    server.on_startup(lambda: announce(config))
    with _shared_folder() as pipe:
        stop_gently(server, pipe)
        server.serve()
    return 0


def _check(config: AccessConfig) -> None:
    """Raise InvalidRequest, or OSError for a log that cannot be written, unless all is right."""
    guard = read_guard(config)
    if guard.keys is not None:
        guard.keys.ring()
    read_cors(config.allowed_origins, has_credentials=config.allow_credentials)
    if config.log and config.log != STDOUT:
        Path(config.log).open("ab").close()


@contextmanager
def _shared_folder() -> Iterator[Path]:
    """Where worker processes share their counts; yields the pipe that tells them of the end."""
    with tempfile.TemporaryDirectory(prefix="easel-adapter-") as folder:
        pipe = Path(folder) / "draining"
        os.mkfifo(pipe)
        # `prometheus_client` reads the first when it is imported.
        ours = {METRICS_VARIABLE: folder} | os.environ | {DRAIN_VARIABLE: str(pipe)}
        before = dict(os.environ)
        os.environ.update(ours)
        try:
            yield pipe
        finally:
            for name in ours.keys() - before.keys():
                del os.environ[name]


def stop_gently(server: Any, pipe: Path) -> None:
    """Let a signal first empty the connections, and a second one end all at once."""
    stop = server.signal_handler_interrupt
    later = threading.Timer(ASK_S + REFUSE_S, stop)

    def begin(*_: object) -> None:
        if later.ident is None:
            end_is_near(pipe)
            later.start()
        else:
            stop()

    server.signal_handler_interrupt = begin


def announce(config: AdapterConfig) -> None:
    """Say on standard output what is offered and where."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    services = ", ".join(config.services)
    print(f"easel adapter: {services} on http://{host}:{config.port}/", flush=True)
