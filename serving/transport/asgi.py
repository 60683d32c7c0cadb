"""The server as one ASGI application: gRPC calls, and the two health pages.

Independent of the ASGI server under it; that server must speak HTTP/2 and have the
``http.response.trailers`` extension.  No exception leaves this module: what a server
makes of one is its own business, and a wrong "OK" is possible.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from model_store.errors import Cancelled, Code, DeadlineExceeded, EaselError, Unsupported
from serving.services.methods import Call, Methods, ServerStream, Unary
from serving.transport import grpc_frames as frames
from serving.transport.errors import status_of

logger = logging.getLogger(__name__)

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

_OK_HEADERS = [(b"content-type", b"application/grpc")]
_OK_TRAILERS = [(b"grpc-status", b"0")]
_START: Event = {
    "type": "http.response.start", "status": 200, "headers": _OK_HEADERS, "trailers": True,
}  # fmt: skip


class AsgiApp:
    """Answers every request; counts those it has not answered yet."""

    def __init__(
        self, methods: Methods, is_ready: Callable[[], bool], *, max_message_bytes: int
    ) -> None:
        self._methods = methods
        self._is_ready = is_ready
        self._max_bytes = max_message_bytes
        self.in_flight = 0

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self.in_flight += 1
        try:
            headers = dict(scope["headers"])
            if headers.get(b"content-type", b"").startswith(b"application/grpc"):
                await self._answer_grpc(scope["path"], headers, receive, send)
            else:
                await self._answer_http(scope["method"], scope["path"], send)
        # OSError is what ASGI servers raise for a send after the client went away.
        except (OSError, Cancelled):
            logger.debug("the client of %s went away", scope["path"])
        except Exception:
            logger.exception("%s could not be answered", scope["path"])
        finally:
            self.in_flight -= 1

    async def _answer_grpc(
        self, path: str, headers: dict[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        has_begun = False
        try:
            method = self._methods.get(path)
            if method is None:
                raise Unsupported(f"unknown method {path}")
            call = Call(_deadline(headers))
            body = await self._read(receive)
            encoding = headers.get(b"grpc-encoding", b"identity")
            request = frames.decode_frame(body, encoding, self._max_bytes)
            if isinstance(method, Unary):
                answer = await _unless_gone(method.handle(request, call), call, receive)
                await _answer_once(send, answer)
                return
            has_begun = True
            await send(_START)
            await _unless_gone(_stream(method, request, call, send), call, receive)
            code, message = Code.OK, ""
        except (OSError, Cancelled):
            raise
        except Exception as error:
            code, message = status_of(error)
        await _end(send, code, message, has_begun=has_begun)

    async def _read(self, receive: Receive) -> bytes:
        """The whole body.

        Raises:
            Cancelled: The client went away first.
            MessageTooLarge: It is longer than one message may be.
        """
        event = await receive()
        if event["type"] == "http.request" and not event.get("more_body", False):
            body: bytes = event.get("body", b"")  # most requests come whole
            if len(body) <= self._max_bytes + 5:
                return body
        parts: list[bytes] = []
        length = 0
        while True:
            if event["type"] == "http.disconnect":
                raise Cancelled("the client went away")
            part = event.get("body", b"")
            if part:
                parts.append(part)
                length += len(part)
                if length > self._max_bytes + 5:
                    raise frames.too_large(length, self._max_bytes)
            if not event.get("more_body", False):
                return b"".join(parts)
            event = await receive()

    async def _answer_http(self, method: str, path: str, send: Send) -> None:
        status, text = 404, b"not found\n"
        if path in ("/healthz", "/readyz"):
            is_well = path == "/healthz" or self._is_ready()
            status, text = (200, b"ok\n") if is_well else (503, b"not ready\n")
            if method not in ("GET", "HEAD"):
                status, text = 405, b"use GET\n"
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        body = b"" if method == "HEAD" else text
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _deadline(headers: dict[bytes, bytes]) -> float | None:
    value = headers.get(b"grpc-timeout")
    if value is None:
        return None
    return asyncio.get_running_loop().time() + frames.parse_timeout(value)


async def _unless_gone(work: Awaitable[Any], call: Call, receive: Receive) -> Any:
    """Await *work*, but no longer than the deadline and the client's presence.

    Raises:
        DeadlineExceeded: The deadline came first.
        Cancelled: The client went away first.
    """
    guard = _Guard(call.deadline, receive)
    try:
        return await work
    except asyncio.CancelledError:
        if guard.reason is None:
            raise
        raise guard.reason from None
    finally:
        guard.stop()


class _Guard:
    """Cancels the task that made it when its call is of no use any more.

    Most calls end before the first look, so that one costs them a timer and no task.
    The looks are polls because ASGI servers differ: after the body, some hold ``receive``
    back until the client goes, and some give empty events at once.
    """

    INTERVAL_S = 0.05

    def __init__(self, deadline: float | None, receive: Receive) -> None:
        self.reason: EaselError | None = None
        self._deadline = deadline
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(self._loop)
        self._watch: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(self._pause_s(), self._start)

    def stop(self) -> None:
        """Watch no longer."""
        self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()

    def _pause_s(self) -> float:
        if self._deadline is None:
            return self.INTERVAL_S
        return min(self.INTERVAL_S, max(self._deadline - self._loop.time(), 0.0))

    def _start(self) -> None:
        self._watch = self._loop.create_task(self._look())

    async def _look(self) -> None:
        gone = asyncio.ensure_future(self._wait_for_disconnect())
        try:
            while not gone.done():
                if self._deadline is not None and self._loop.time() >= self._deadline:
                    return self._cancel(DeadlineExceeded("the deadline passed"))
                await asyncio.wait([gone], timeout=self._pause_s())
            self._cancel(Cancelled("the client went away"))
        finally:
            gone.cancel()

    async def _wait_for_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":  # noqa: ASYNC110 - see above
            await asyncio.sleep(self.INTERVAL_S)

    def _cancel(self, reason: EaselError) -> None:
        self.reason = reason
        if self._task is not None:
            self._task.cancel()


async def _stream(method: ServerStream, request: bytes, call: Call, send: Send) -> None:
    async for message in method.handle(request, call):
        frame = frames.encode_frame(message)
        await send({"type": "http.response.body", "body": frame, "more_body": True})


async def _answer_once(send: Send, message: bytes) -> None:
    """A whole unary answer, in as few events as ASGI allows: each costs a hand-over."""
    await send(_START)
    frame = frames.encode_frame(message)
    await send({"type": "http.response.body", "body": frame, "more_body": False})
    await send({"type": "http.response.trailers", "headers": _OK_TRAILERS, "more_trailers": False})


async def _end(send: Send, code: Code, message: str, *, has_begun: bool) -> None:
    """Close the response: with trailers, or with headers alone when nothing was sent."""
    status = _OK_TRAILERS if code is Code.OK else frames.status_headers(code, message)
    if not has_begun:
        headers = [*_OK_HEADERS, *status]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    await send({"type": "http.response.trailers", "headers": status, "more_trailers": False})
