"""Reads a model server's metrics over HTTP: Prometheus' text, as it is scraped."""

from __future__ import annotations

from http.client import HTTPException
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from model_store.errors import ServableNotReady

MAX_BYTES = 16 * 1024 * 1024
# Model servers are neighbours: a proxy for the internet does not know them.
_opener = build_opener(ProxyHandler({}))


def fetch_metrics(url: str, *, timeout_s: float) -> str:
    """The text at *url*.

    Raises:
        ServableNotReady: There is no answer in time, or it is no metrics.
    """
    if not url.startswith(("http://", "https://")):
        raise ServableNotReady(f"{url} is no address of metrics; write http://HOST:PORT/metrics")
    try:
        request = Request(url, headers={"Accept": "text/plain;version=0.0.4"})  # noqa: S310
        with _opener.open(request, timeout=timeout_s) as response:
            data: bytes = response.read(MAX_BYTES + 1)
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ServableNotReady(f"{url} does not give its metrics: {reason}") from error
    if len(data) > MAX_BYTES:
        raise ServableNotReady(f"{url} gives more than {MAX_BYTES} bytes of metrics")
    return data.decode("utf-8", "replace")
