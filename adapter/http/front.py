"""What all requests and answers have in common, put around the application.

A layer of WSGI rather than Flask's hooks: it costs a fifth, and sees what Flask answers by
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.http import HTTP_STATUS_CODES

from adapter.feedback.recorder import Recorder
from adapter.http.access_log import AccessLog
from adapter.http.cors import Cors
from adapter.http.endpoint import Endpoint
from adapter.http.exchange import ID_HEADER, TRACE_HEADER, Exchange, begin
from adapter.http.metrics import Metrics
from adapter.http.operations import Reply
from adapter.http.policies import Policies
from adapter.passed_on import pass_on

_ID_KEY = ID_HEADER.lower()


@dataclass(frozen=True, slots=True)
class Front:
    """A WSGI application around *app*: ids, headers, counts and the log.

    Attributes:
        app: What answers.
        endpoints: What is asked before *app*, by method and address.
        policies: What browsers may do with answers.
        cors: Which pages of other origins may call; None for none.
        metrics: Counts every request.
        log: Gets a line for each; None for no log.
        recorder: Begins with the first request, because servers fork; None for no request log.
        asks_to_leave: Whether who is answered now is to leave the connection; None for never.
    """

    app: WSGIApplication
    endpoints: Mapping[tuple[str, str], Endpoint]
    policies: Policies
    cors: Cors | None
    metrics: Metrics
    log: AccessLog | None
    recorder: Recorder | None = None
    asks_to_leave: Callable[[], bool] | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        note = begin(environ)
        own = (_ID_KEY, note.request_id)
        pass_on((own, (TRACE_HEADER, note.traceparent)) if note.traceparent else (own,))
        if self.recorder is not None:
            self.recorder.wake()
        endpoint = self.endpoints.get((environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")))
        if endpoint is not None:
            reply = endpoint.answer(environ)
            headers = _headers(reply)
            self._finish(environ, note, reply.status, headers)
            start_response(_status_line(reply.status), headers)
            # A list: of anything else granian sends head and body each by itself.
            return [reply.body]

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            self._finish(environ, note, int(status[:3]), headers)
            return start_response(status, headers, exc_info)

        if self.cors is not None and self.cors.is_preflight(environ):
            start("204 No Content", self.cors.preflight_headers())
            return []
        return self.app(environ, start)

    def _finish(
        self,
        environ: WSGIEnvironment,
        note: Exchange,
        status: int,
        headers: list[tuple[str, str]],
    ) -> None:
        """Add to *headers* what all answers have, and tell of the answer who is to know."""
        self.policies.add(headers)
        headers.append((ID_HEADER, note.request_id))
        if note.allowance is not None:
            headers.extend(note.allowance.headers())
        if self.cors is not None:
            self.cors.add(environ, headers)
        if self.asks_to_leave is not None and self.asks_to_leave():
            headers.append(("Connection", "close"))
        self.metrics.observe(note)
        if self.log is not None:
            self.log.write(environ, note, status, headers)


def _headers(reply: Reply) -> list[tuple[str, str]]:
    length = ("Content-Length", str(len(reply.body)))
    return [("Content-Type", reply.content_type), length, *reply.headers]


@cache
def _status_line(status: int) -> str:
    return f"{status} {HTTP_STATUS_CODES.get(status, 'Unknown').upper()}"
