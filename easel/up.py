"""``easel up``: server and adapter together, as two processes, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from adapter.config import Settings
from model_store.address import check_free
from model_store.errors import EaselError, InvalidRequest
from model_store.settings import read_sections, read_settings
from serving.config import ServerConfig

_READY_S = 60.0
_POLL_S = 0.05
_STOP_S = 30.0
_REMEDY = "stop that program, or choose another with {flag}"


@dataclass(frozen=True, slots=True)
class Child:
    """One of the two processes."""

    name: str
    process: subprocess.Popen[bytes]


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    flags = _parser(os.environ).parse_args(arguments)
    if "://" in flags.store:
        raise InvalidRequest(
            f"{flags.store} is a URL: run `easel serve --store {flags.store} --mirror_dir FOLDER` "
            "and `easel adapter --store FOLDER`"
        )
    if not Path(flags.store).is_dir():
        raise InvalidRequest(f"there is no model store at {flags.store}; name one with --store")
    check_free(flags.host, flags.port, _REMEDY.format(flag="--port"))
    check_free("127.0.0.1", flags.grpc_port, _REMEDY.format(flag="--grpc-port"))
    check_free("127.0.0.1", flags.rest_port, _REMEDY.format(flag="--rest-port"))
    begun = time.monotonic()
    with _terminated_as_interrupt(), _children(flags) as children:
        host = f"[{flags.host}]" if ":" in flags.host else flags.host
        address = f"http://{host}:{flags.port}"
        try:
            _wait_until_ready(f"{address}/readyz", children)
            seconds = time.monotonic() - begun
            print(f"\n  Easel is ready after {seconds:.1f} s: {address}/", flush=True)
            print(
                f"  The model server: gRPC on 127.0.0.1:{flags.grpc_port}, "
                f"HTTP on 127.0.0.1:{flags.rest_port}; Ctrl-C stops both.\n",
                flush=True,
            )
            _wait_until_one_ends(children)
        except KeyboardInterrupt:
            print("\nstopping ...", flush=True)
    return 0


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """Flags; what they leave out is what both commands would find in *environ* and the file."""
    nothing = argparse.Namespace(config=None)
    adapter = read_sections(Settings, "adapter", nothing, environ).adapter
    server = read_settings(ServerConfig, "serve", nothing, environ)
    ports = "(default: %(default)s, as the environment and the file have it)"
    parser = argparse.ArgumentParser(
        prog="easel up", description="Start server and adapter together."
    )
    parser.add_argument("--store", default=str(adapter.store))
    parser.add_argument("--host", default=adapter.host, help="the adapter's address")
    parser.add_argument(
        "--port", type=int, default=adapter.port, help=f"the adapter's HTTP port {ports}"
    )
    parser.add_argument(
        "--grpc-port", type=int, default=server.port, help=f"the server's gRPC port {ports}"
    )
    parser.add_argument(
        "--rest-port", type=int, default=server.rest_api_port, help=f"its HTTP port {ports}"
    )
    parser.set_defaults(shared_memory=server.shared_memory)
    return parser


@contextmanager
def _children(flags: argparse.Namespace) -> Iterator[tuple[Child, ...]]:
    """Both processes, ended in the end: first who asks, then who answers."""
    with TemporaryDirectory(prefix="easel-") as folder:
        # Between these two the cheapest way there is: a tenth less of the processor for a drawing.
        socket = Path(folder) / "server"
        server = [
            "serve", "--store", flags.store, "--port", str(flags.grpc_port),
            "--rest_api_port", str(flags.rest_port), "--grpc_socket_path", str(socket),
        ]  # fmt: skip
        # Unless others are to share memory too: nobody can know its name, and so name it.
        shared = flags.shared_memory or f"/easel-{secrets.token_hex(16)}-"
        adapter = [
            "adapter", "--store", flags.store, "--host", flags.host, "--port", str(flags.port),
            "--model_server", f"oip+http://unix:{socket}",
        ]  # fmt: skip
        children = (
            _start("serve", server, EASEL_SERVE_SHARED_MEMORY=shared),
            _start("adapter", adapter, EASEL_ADAPTER_SHARED_MEMORY=shared),
        )
        try:
            yield children
        finally:
            for child in reversed(children):
                _stop(child)


def _start(name: str, arguments: Sequence[str], **settings: str) -> Child:
    # A session of its own: Ctrl-C in a terminal reaches this process only, which stops
    # the others in the right order.
    command = [sys.executable, "-m", "easel.cli", *arguments]
    environment = {"PYTHONUNBUFFERED": "1"} | os.environ | settings
    return Child(name, subprocess.Popen(command, env=environment, start_new_session=True))


def _stop(child: Child) -> None:
    if child.process.poll() is not None:
        return
    child.process.send_signal(signal.SIGTERM)
    try:
        child.process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(child.process.pid, signal.SIGKILL)  # with its workers
        child.process.wait()


def _wait_until_ready(url: str, children: Sequence[Child]) -> None:
    end = time.monotonic() + _READY_S
    while time.monotonic() < end:
        _raise_if_ended(children)
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(_POLL_S)
    raise EaselError(f"not ready within {_READY_S:.0f} s; see the messages above")


def _wait_until_one_ends(children: Sequence[Child]) -> None:
    while True:
        _raise_if_ended(children)
        time.sleep(_POLL_S)


def _raise_if_ended(children: Sequence[Child]) -> None:
    for child in children:
        status = child.process.poll()
        if status is not None:
            raise EaselError(f"easel {child.name} ended by itself with status {status}")


@contextmanager
def _terminated_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end the command as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
