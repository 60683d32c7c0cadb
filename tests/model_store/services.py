"""Services that keep objects, on this machine: what S3 and Google Cloud Storage answer."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import fsspec
from fsspec.config import conf
from gcp_storage_emulator.server import create_server
from moto.server import ThreadedMotoServer

# gcsfs asks Google for the kind of a bucket over gRPC, which no emulator answers.
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")


@contextmanager
def configured(protocol: str, **options: object) -> Iterator[None]:
    """fsspec's settings for a protocol, as a user's environment would give them."""
    conf[protocol] = options
    try:
        yield
    finally:
        del conf[protocol]


@contextmanager
def s3_service() -> Iterator[str]:
    """moto's S3, with a bucket; yields the bucket's URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with configured("s3", endpoint_url=f"http://{host}:{port}", key="k", secret="s"):
            # moto keeps what there is for the whole process, whichever server it was put through.
            shelf = f"shelf-{port}"
            fsspec.filesystem("s3").mkdir(shelf)
            yield f"s3://{shelf}"
    finally:
        server.stop()


@contextmanager
def gs_service() -> Iterator[str]:
    """An emulator of Google Cloud Storage, with a bucket; yields the bucket's URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="shelf")
    server.start()
    try:
        with configured("gs", endpoint_url=f"http://127.0.0.1:{port}", token="anon"):
            yield "gs://shelf"
    finally:
        with suppress(AttributeError):
            server.stop()
