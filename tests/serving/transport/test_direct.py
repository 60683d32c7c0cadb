"""What is answered without a task is answered as if there was one, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_store.errors import Code, InvalidRequest, Overloaded
from serving.services.http import HttpRequest, HttpResponse
from serving.services.methods import Call, Unary
from serving.services.observation import Observation
from serving.sockets.asgi import App
from serving.transport.app import AsgiApp
from serving.transport.direct import DirectCall
from serving.transport.options import Options
from tests.serving.sockets.clients import H2Client, served

LONG = b"x" * 100_000
GRPC = (("content-type", "application/grpc"), ("te", "trailers"))


async def work(body: bytes) -> bytes:
    """What the body says, in every way in which a model could."""
    word, _, rest = body.partition(b" ")
    if word == b"turn":
        await asyncio.sleep(0)
    elif word == b"wait":
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(done.set_result, None)
        await done
    elif word == b"thread":
        await asyncio.to_thread(bytes, 1)
    elif word == b"ever":
        await asyncio.Event().wait()
    elif word == b"refuse":
        raise InvalidRequest("it says so")
    elif word == b"full":
        raise Overloaded("it says so", retry_after_s=7)
    elif word == b"break":
        raise ZeroDivisionError
    elif word == b"long":
        return LONG
    return await work(rest) if rest else b"answer to " + body


@dataclass
class Site:
    """An application, and what it has told of its calls."""

    observed: list[Observation] = field(default_factory=list)
    cancelled: int = 0

    async def api(self, request: HttpRequest, call: Call) -> HttpResponse:
        if request.body == b"204":
            return HttpResponse(b"", 204)
        return HttpResponse(await self._work(request.body), headers=((b"x-own", b"yes"),))

    async def method(self, message: bytes, call: Call) -> bytes:
        return await self._work(message)

    async def _work(self, body: bytes) -> bytes:
        try:
            return await work(body)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    def app(self, **options) -> AsgiApp:
        return AsgiApp(
            {"/M/Infer": Unary(self.method, runs_model=True)},
            {"v2": self.api},
            Options(
                max_message_bytes=200_000,
                observe=self.observed.append,
                runs_model=lambda path: path == "/v2/infer",
                **options,
            ),
        )

    def facts(self) -> list[tuple]:
        return [each._replace(seconds=0.0, call=None) for each in self.observed]


def by_tasks(app: AsgiApp) -> App:
    """The same application, for a server that knows nothing of direct calls."""
    return partial(app)


def http_request(body: bytes, *lines: str) -> bytes:
    head = ["POST /v2/infer HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


@asynccontextmanager
async def connected(server_port: int) -> AsyncIterator[tuple]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server_port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def read_reply(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = [line for line in head.split(b"\r\n") if line.startswith(b"content-length")]
    body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
    return head, body


async def http_replies(app: App, requests: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Answers over HTTP/1.1, of requests one after the other on one connection."""
    async with served(app) as (_, port), connected(port) as (reader, writer):
        replies = []
        for request in requests:
            writer.write(request)
            async with asyncio.timeout(20):
                replies.append(await read_reply(reader))
        return replies


def framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


async def grpc_replies(app: App, bodies: list[bytes], *, together: bool = False) -> list:
    """Answers over HTTP/2, one after the other or all at once."""
    async with served(app) as (_, port):
        client = await H2Client.connect(port)
        numbers, answers = [], []
        for body in bodies:
            numbers.append(client.begin_later("/M/Infer", end=False, more=GRPC))
            client.h2.send_data(numbers[-1], body, end_stream=True)
            if not together:
                client.flush()
                answers.append(await client.answer(numbers[-1]))
        client.flush()
        if together:
            answers = [await client.answer(number) for number in numbers]
        client.close()
        return [(each.headers, each.body, each.trailers, each.reset) for each in answers]


WORDS = st.lists(
    st.sampled_from([b"turn", b"wait", b"thread", b"refuse", b"full", b"break", b"long", b"x"]),
    max_size=3,
).map(b" ".join)
LINES = st.lists(
    st.sampled_from(
        ["Accept-Encoding: gzip", "Content-Encoding: identity", "X-Request-Timeout-Ms: 60000",
         "X-Request-Timeout-Ms: soon", "Expect: 100-continue", "X: y"]
    ),
    max_size=1,
)  # fmt: skip


@given(requests=st.lists(st.tuples(st.one_of(WORDS, st.just(b"204")), LINES), max_size=6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_over_http_it_is_the_same_with_and_without_a_task(requests):
    async def both() -> None:
        bodies = [http_request(body, *lines) for body, lines in requests]
        # Of three in a row the third repeats a head that is known.
        bodies = [each for each in bodies for _ in range(3)]
        direct, tasks = Site(), Site()
        app = direct.app()
        assert await http_replies(app, bodies) == await http_replies(by_tasks(tasks.app()), bodies)
        assert direct.facts() == tasks.facts()
        assert_empty(app)

    logging.disable(logging.ERROR)  # of what breaks
    try:
        asyncio.run(both())
    finally:
        logging.disable(logging.NOTSET)


BODIES = st.one_of(
    WORDS.map(framed),
    st.sampled_from(
        [b"", b"\0", b"\0\0\0\0\5x", framed(b"x") + b"y", b"\2\0\0\0\1x", b"\0\1\0\0\0"]
    ),
)


@given(bodies=st.lists(BODIES, max_size=6), together=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_over_grpc_it_is_the_same_with_and_without_a_task(bodies, together):
    async def both() -> None:
        direct, tasks = Site(), Site()
        app, other = direct.app(), by_tasks(tasks.app())
        given = await grpc_replies(app, bodies, together=together)
        assert given == await grpc_replies(other, bodies, together=together)
        assert sorted(direct.facts(), key=repr) == sorted(tasks.facts(), key=repr)
        assert_empty(app)

    logging.disable(logging.ERROR)
    try:
        asyncio.run(both())
    finally:
        logging.disable(logging.NOTSET)


def assert_empty(app: AsgiApp) -> None:
    """Nobody is counted as inside, and no memory as taken."""
    assert app._grpc._admission.calls == 0
    assert app._grpc._patrol.memory.held == 0


async def test_a_quick_call_has_no_task():
    site, tasks = Site(), []
    app = site.app()

    class Watched:
        """Remembers the tasks in which it was asked."""

        def direct(self, scope):
            make = app.direct(scope)
            assert make is not None

            def begin(exchange, body) -> DirectCall:
                tasks.append(exchange)
                return make(exchange, body)

            return begin

        async def __call__(self, scope, receive, send) -> None:
            raise AssertionError("a task was made")

    replies = await http_replies(Watched(), [http_request(b"x"), http_request(b"x")])
    assert [body for _, body in replies] == [b"answer to x"] * 2
    assert [each.task for each in tasks] == [None, None]


async def test_each_call_is_told_of_with_its_own_id_and_trace():
    site, names = Site(), [b"x-request-id", b"traceparent"]
    own = [(f"{number}", f"00-{number}-a-01") for number in range(5)]
    lines = [(f"X-Request-Id: {one}", f"Traceparent: {other}") for one, other in own]
    await http_replies(site.app(), [http_request(b"x", *each) for each in lines])
    told = [[each.call.headers[name].decode() for name in names] for each in site.observed]
    assert told == [list(each) for each in own]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v2/other", []),
        ("/nothing", []),
        ("/v2/infer", [(b"content-encoding", b"gzip")]),
        ("/v2/infer", [(b"accept-encoding", b"gzip")]),
        ("/v2/infer", [(b"x-request-timeout-ms", b"soon")]),
        ("/v2/infer", [(b"content-length", b"200001")]),
        ("/M/Infer", [(b"content-type", b"application/grpc"), (b"grpc-encoding", b"gzip")]),
        ("/M/Infer", [(b"content-type", b"application/grpc"), (b"grpc-timeout", b"soon")]),
        ("/M/Other", [(b"content-type", b"application/grpc")]),
        ("/M/Infer", [(b"content-type", b"application/grpc-web")]),
    ],
)
def test_what_needs_more_work_has_a_task(path, headers):
    headers = [(b"content-length", b"1"), *headers]
    scope = {"method": "POST", "path": path, "query_string": b"", "headers": headers}
    assert Site().app().direct({**scope, "http_version": "2"}) is None


def test_where_pages_of_others_may_call_the_answers_need_more_headers():
    headers = [(b"content-length", b"1")]
    scope = {"method": "POST", "path": "/v2/infer", "query_string": b"", "headers": headers}
    scope["http_version"] = "1.1"
    assert Site().app().direct(scope) is not None
    assert Site().app(allows_cors=True).direct(scope) is None


@pytest.mark.parametrize("milliseconds", [0, 1, 300])
async def test_a_call_that_lasts_ends_at_its_deadline(milliseconds):
    site = Site()
    app = site.app()
    request = http_request(b"ever", f"X-Request-Timeout-Ms: {milliseconds}")
    ((head, body),) = await http_replies(app, [request])
    assert head.startswith(b"HTTP/1.1 504")
    assert b"the deadline passed" in body
    assert [each.code for each in site.observed] == [Code.DEADLINE_EXCEEDED]
    assert site.cancelled == 1
    assert_empty(app)


async def test_a_call_that_lasts_ends_when_its_client_goes():
    site = Site()
    app = site.app()
    async with served(app) as (_, port):
        async with connected(port) as (_, writer):
            writer.write(http_request(b"ever"))
            while not app._grpc._admission.calls:
                await asyncio.sleep(0)
        async with asyncio.timeout(20):
            while not site.observed:
                await asyncio.sleep(0.01)
    assert [each.code for each in site.observed] == [Code.CANCELLED]
    assert site.cancelled == 1
    assert_empty(app)


async def test_a_call_whose_client_has_gone_before_it_begins_costs_nothing():
    site, ended = Site(), []

    class Gone:
        is_gone, task = True, None

        def end(self) -> None:
            ended.append(self)

    headers = [(b"content-length", b"1")]
    scope = {"method": "POST", "path": "/v2/infer", "query_string": b"", "headers": headers}
    app = site.app()
    # What it would run lasts for ever.
    assert app.direct({**scope, "http_version": "1.1"})(Gone(), b"ever").begin()
    assert [each.code for each in site.observed] == [Code.CANCELLED]
    assert len(ended) == 1
    assert_empty(app)


async def test_requests_that_come_ahead_are_answered_in_their_order():
    words = [b"thread", b"x", b"wait", b"refuse", b"y"]
    async with served(Site().app()) as (_, port), connected(port) as (reader, writer):
        writer.write(b"".join(http_request(word) for word in words))
        bodies = [(await read_reply(reader))[1] for _ in words]
    assert [b"it says so" in body for body in bodies] == [word == b"refuse" for word in words]
    assert bodies[1::3] == [b"answer to x", b"answer to y"]


async def test_an_answer_longer_than_the_clients_window_goes_as_the_window_opens():
    site = Site()
    (answer,) = await grpc_replies(site.app(), [framed(b"long")])
    assert answer[1][5:] == LONG
    assert answer[2][b"grpc-status"] == b"0"
    assert [(each.code, each.response_bytes) for each in site.observed] == [(Code.OK, len(LONG))]


async def test_a_server_that_is_full_says_so_and_is_not_full_for_ever():
    site = Site()
    app = site.app(max_calls=1)
    replies = await grpc_replies(app, [framed(b"thread"), framed(b"x")], together=True)
    statuses = [
        headers.get(b"grpc-status") or more[b"grpc-status"] for headers, _, more, _ in replies
    ]
    assert statuses == [b"0", b"8"]
    assert (await grpc_replies(app, [framed(b"x")]))[0][2][b"grpc-status"] == b"0"
    assert_empty(app)


async def test_what_an_observer_raises_costs_nobody_an_answer(caplog):
    def fail(_observation) -> None:
        raise RuntimeError("the log is full")

    site = Site()
    site.observed = type("Broken", (), {"append": staticmethod(fail)})()
    replies = await http_replies(site.app(), [http_request(b"x"), http_request(b"y")])
    assert [body for _, body in replies] == [b"answer to x", b"answer to y"]
    assert "the log is full" in caplog.text


async def test_a_server_that_leaves_lets_direct_calls_finish():
    app = Site().app()
    async with served(app) as (server, port), connected(port) as (reader, writer):
        writer.write(http_request(b"thread"))
        while not app._grpc._admission.calls:
            await asyncio.sleep(0)
        await server.close(10.0)
        head, body = await read_reply(reader)
    assert (body, b"connection: close" in head) == (b"answer to thread", True)
