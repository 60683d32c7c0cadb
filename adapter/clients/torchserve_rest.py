"""TorchServe over REST, with archives that ``easel export --to mar`` made."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import quote

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from adapter.clients.circle import Answered
from adapter.clients.places import Place
from adapter.clients.statuses import no_answer
from adapter.clients.tls import http_context
from adapter.clients.tokens import TokenFile
from adapter.clients.torchserve import answered
from adapter.passed_on import passed_on
from adapter.ports import Tensors
from model_store import errors
from model_store.errors import InvalidRequest
from serving.api import torchserve

logger = logging.getLogger(__name__)

# Kept open between requests; a process with more threads opens others for the moment.
_CONNECTIONS = 16
_CONNECT_S = 1.0
_TOKEN_REFUSED = b"InvalidKeyException"


class TorchServeRestClient:
    """One place; belongs to the process that made it."""

    def __init__(self, place: Place, token: TokenFile | None) -> None:
        """Connects with the first call."""
        self._place, self._token = place, token
        self._pool = _open_pool(place)

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Answered:
        """Run the model once; see ``adapter.ports.ModelServer``."""
        path = f"/predictions/{quote(model)}" + ("" if version is None else f"/{version}")
        response = self._ask("POST", path, torchserve.encode_body(inputs), timeout_s)
        if response.status != 200:
            raise self._failure(response)
        try:
            answer = torchserve.decode_body(response.data)
        except InvalidRequest as error:
            raise no_answer(self._place, error) from error
        return answered(answer, self._place)

    def is_ready(self, *, timeout_s: float) -> bool:
        """Ask whether all workers are well."""
        try:
            response = self._ask("GET", "/ping", None, timeout_s)
            return response.status == 200 and torchserve.is_healthy(response.data)
        except errors.EaselError:
            return False

    def close(self) -> None:
        """End the connections that no call is on."""
        self._pool.close()

    def _ask(
        self, method: str, path: str, body: bytes | None, timeout_s: float
    ) -> urllib3.BaseHTTPResponse:
        timeout = urllib3.Timeout(connect=min(timeout_s, _CONNECT_S), total=timeout_s)
        try:
            return self._pool.urlopen(
                method, path, body, self._headers(timeout_s),
                retries=False, redirect=False, timeout=timeout,
            )  # fmt: skip
        except ReadTimeoutError as error:
            raise errors.DeadlineExceeded("no answer from the model server in time") from error
        except HTTPError as error:
            logger.info("no answer from the model server at %s: %s", self._place, error)
            raise errors.ServerUnreachable("the model server does not answer") from error

    def _headers(self, timeout_s: float) -> Mapping[str, str]:
        headers = {
            "Host": str(self._place.address),
            "Content-Type": "application/json",
            "X-Request-Timeout-Ms": str(max(1, int(timeout_s * 1000))),
        }
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.read()}"
        return headers | dict(passed_on())

    def _failure(self, response: urllib3.BaseHTTPResponse) -> errors.EaselError:
        """TorchServe's own failures have a code, a type and a message; a handler's refusal not."""
        data = response.data
        if response.status == 404:
            return errors.ServableNotFound(_message(data))
        if response.status == 400 and _TOKEN_REFUSED not in data:
            return InvalidRequest(_message(data))
        shown = data[:500].decode("utf-8", "replace")
        if response.status == 503:
            logger.info("no answer from the model server at %s: %s", self._place, shown)
            return errors.ServerUnreachable("the model server does not answer")
        logger.error("the model server at %s failed: %d: %s", self._place, response.status, shown)
        return errors.ServerFailed("the model server failed; its log and ours say why")


def _message(data: bytes) -> str:
    return torchserve.decode_failure(data) or "the model server refuses the request"


def _open_pool(place: Place) -> urllib3.HTTPConnectionPool:
    if place.tls is None:
        return urllib3.HTTPConnectionPool(place.ip, place.address.port, maxsize=_CONNECTIONS)
    return urllib3.HTTPSConnectionPool(
        place.ip, place.address.port, maxsize=_CONNECTIONS, ssl_context=http_context(place.tls),
        server_hostname=place.address.host, assert_hostname=place.address.host,
    )  # fmt: skip
