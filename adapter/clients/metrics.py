"""Reads a model server's metrics over HTTP: Prometheus' text, as it is scraped."""

from __future__ import annotations

import socket
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from model_store.errors import ServableNotReady

MAX_BYTES = 16 * 1024 * 1024
_HOW = "write http://HOST:PORT/metrics, or unix:/PATH of a socket"


class _UnixConnection(HTTPConnection):
    """HTTP over a Unix domain socket, as servers on one machine have it between them."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path
        self._timeout_s = timeout_s

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._timeout_s)
        self.sock.connect(self._path)


def fetch_metrics(url: str, *, timeout_s: float) -> str:
    """The text at *url*: ``http://...``, ``https://...``, or ``unix:/PATH`` for its /metrics.

    Raises:
        ServableNotReady: There is no answer in time, or it is no metrics.
    """
    try:
        connection, path = _open(url, timeout_s)
        try:
            connection.request("GET", path, headers={"Accept": "text/plain;version=0.0.4"})
            response = connection.getresponse()
            data = response.read(MAX_BYTES + 1)
        finally:
            connection.close()
    except (HTTPException, OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise ServableNotReady(f"{url} does not give its metrics: {reason}") from error
    if response.status != 200:
        raise ServableNotReady(f"{url} does not give its metrics: HTTP status {response.status}")
    if len(data) > MAX_BYTES:
        raise ServableNotReady(f"{url} gives more than {MAX_BYTES} bytes of metrics")
    return data.decode("utf-8", "replace")


def _open(url: str, timeout_s: float) -> tuple[HTTPConnection, str]:
    if url.startswith("unix:/"):
        return _UnixConnection(url.removeprefix("unix:"), timeout_s), "/metrics"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"it is no address of metrics; {_HOW}")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return kind(parts.hostname, parts.port, timeout=timeout_s), path or "/metrics"
