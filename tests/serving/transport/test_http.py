"""HTTP requests over a real socket: bodies, compression, deadlines, errors, other origins."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib

import pytest

from model_store.errors import Overloaded, ServableNotFound, ServableNotReady
from serving.services.http import HttpRequest, HttpResponse
from serving.services.methods import Call
from serving.transport.options import Options
from tests.serving.transport.apps import ask, running_app

LIMIT = 200_000
FAILURES = {
    "full": Overloaded("the queue is full"),
    "missing": ServableNotFound("no such model"),
    "later": ServableNotReady("still loading"),
    "bug": RuntimeError("secret"),
    "file": FileNotFoundError("/secret"),
}


async def echo(request: HttpRequest, call: Call) -> HttpResponse:
    """What came, or what the path asks for."""
    name = request.path.rpartition("/")[2]
    if name in FAILURES:
        raise FAILURES[name]
    if name == "slow":
        await asyncio.sleep(3600)
    seen = {"method": request.method, "path": request.path, "query": dict(request.query)}
    headers = ((b"x-seen", json.dumps(seen).encode()),)
    return HttpResponse(request.body, content_type=b"application/x-echo", headers=headers)


@pytest.fixture(scope="module")
def address():
    options = Options(max_message_bytes=LIMIT, http_timeout_s=30.0)
    with running_app({}, {"echo": echo}, options) as running:
        yield running.address


def seen(reply) -> dict[str, object]:
    return json.loads(reply.headers["x-seen"])


def test_an_api_gets_the_request_and_its_answer_goes_back(address):
    reply = ask(address, "/echo/a%20b?x=1&x=2&empty=", method="POST", body=b"body")
    assert (reply.status, reply.body) == (200, b"body")
    assert reply.headers["content-type"] == "application/x-echo"
    assert reply.headers["content-length"] == "4"
    assert seen(reply) == {"method": "POST", "path": "/echo/a b", "query": {"x": "2", "empty": ""}}


def test_the_first_part_of_the_path_knows_no_case(address):
    assert ask(address, "/ECHO/x", method="POST", body=b"b").body == b"b"


def test_a_head_is_a_get_without_the_body(address):
    reply = ask(address, "/echo/x", method="HEAD", body=b"abc")
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "3")
    assert seen(reply)["method"] == "GET"


@pytest.mark.parametrize("path", ["/", "/nope", "//echo", "/nope/echo"])
def test_a_path_of_no_api_is_not_found(address, path):
    reply = ask(address, path)
    assert reply.status == 404
    assert json.loads(reply.body) == {"error": f"there is nothing at {path}"}


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("GZIP", gzip.compress)]
)  # fmt: skip
@pytest.mark.parametrize("size", [0, 10, LIMIT])
def test_a_compressed_body_is_unpacked(address, encoding, pack, size):
    body = b"x" * size
    headers = {"Content-Encoding": encoding}
    reply = ask(address, "/echo/x", method="POST", body=pack(body), headers=headers)
    assert (reply.status, reply.body) == (200, body)


@pytest.mark.parametrize(
    ("body", "encoding", "status", "words"),
    [
        (b"x" * (LIMIT + 1), None, 413, f"this server takes {LIMIT}; send smaller"),
        (gzip.compress(b"x" * (LIMIT + 1)), "gzip", 413, "--max_message_bytes"),
        (b"x", "br", 415, "compression 'br' is not supported; use one of identity,deflate,gzip"),
        (b"no gzip at all", "gzip", 400, "the message is not gzip data"),
        (gzip.compress(b"x" * 99)[:-9], "gzip", 400, "cut short"),
        (gzip.compress(b"x") + b"y", "gzip", 400, "followed by more"),
    ],
    ids=["long", "bomb", "unknown", "no gzip", "cut", "more"],
)
def test_a_body_that_cannot_be_taken_is_refused_with_the_reason(
    address, body, encoding, status, words
):
    headers = {"Content-Encoding": encoding} if encoding else {}
    reply = ask(address, "/echo/x", method="POST", body=body, headers=headers)
    assert reply.status == status
    assert words in json.loads(reply.body)["error"]
    assert "retry-after" not in reply.headers


def test_a_long_body_of_unknown_length_is_refused_too(address):
    chunks = iter([b"x" * 1000] * (LIMIT // 1000 + 1))
    reply = ask(address, "/echo/x", method="POST", body=chunks)  # type: ignore[arg-type]
    assert reply.status == 413


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("br, deflate;q=0.5, gzip;q=0.4", "deflate"),
        ("*", "gzip"),
        ("gzip;q=0", None),
        ("br", None),
        ("identity, gzip;q=0.5", None),
        (";;q=x,,=", None),
    ],
)
@pytest.mark.parametrize("size", [2000, LIMIT])
def test_an_answer_is_compressed_as_the_client_likes(address, accepted, encoding, size):
    headers = {"Accept-Encoding": accepted}
    body = b"y" * size
    reply = ask(address, "/echo/x", method="POST", body=body, headers=headers)
    assert reply.headers.get("content-encoding") == encoding
    assert reply.headers["vary"] == "accept-encoding"
    unpack = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[encoding]
    assert unpack(reply.body) == body
    assert reply.headers["content-length"] == str(len(reply.body))


def test_a_short_answer_is_not_worth_compressing(address):
    reply = ask(address, "/echo/x", method="POST", body=b"y", headers={"Accept-Encoding": "gzip"})
    assert (reply.body, reply.headers.get("content-encoding")) == (b"y", None)


@pytest.mark.parametrize(
    ("name", "status", "message", "retry"),
    [
        ("full", 429, "the queue is full", "1"),
        ("later", 503, "still loading", "1"),
        ("missing", 404, "no such model", None),
        ("bug", 500, "internal error", None),
        ("file", 500, "internal error", None),
    ],
)
def test_a_failure_is_json_with_its_status(address, name, status, message, retry):
    reply = ask(address, f"/echo/{name}")
    assert (reply.status, json.loads(reply.body)) == (status, {"error": message})
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers.get("retry-after") == retry


@pytest.mark.parametrize("header", [{"X-Request-Timeout-Ms": "50"}, {"Grpc-Timeout": "50m"}])
def test_a_deadline_ends_the_wait(address, header):
    reply = ask(address, "/echo/slow", headers=header)
    assert (reply.status, json.loads(reply.body)) == (504, {"error": "the deadline passed"})


@pytest.mark.parametrize("header", [{"X-Request-Timeout-Ms": "soon"}, {"Grpc-Timeout": "50"}])
def test_a_deadline_that_is_none_is_refused(address, header):
    assert ask(address, "/echo/x", headers=header).status == 400


def test_the_servers_own_timeout_ends_the_wait_too():
    options = Options(max_message_bytes=LIMIT, http_timeout_s=0.05)
    with running_app({}, {"echo": echo}, options) as running:
        assert ask(running.address, "/echo/slow").status == 504


def test_other_origins_hear_nothing_unless_it_is_allowed(address):
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    for method in ("POST", "OPTIONS"):
        reply = ask(address, "/echo/x", method=method, headers=headers)
        assert not [name for name in reply.headers if name.startswith("access-control")]


def test_other_origins_may_call_where_it_is_allowed():
    options = Options(max_message_bytes=LIMIT, allows_cors=True)
    with running_app({}, {"echo": echo}, options) as running:
        headers = {"Origin": "https://a.example"}
        wanted = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, x-other",
        }
        asked = ask(running.address, "/echo/x", method="OPTIONS", headers=headers | wanted)
        assert (asked.status, asked.body) == (204, b"")
        assert asked.headers["access-control-allow-origin"] == "*"
        assert asked.headers["access-control-allow-headers"] == "content-type, x-other"
        assert "POST" in asked.headers["access-control-allow-methods"]
        for path in ("/echo/x", "/echo/missing"):
            reply = ask(running.address, path, method="POST", headers=headers)
            assert reply.headers["access-control-allow-origin"] == "*"


def test_grpc_over_http_1_1_is_told_what_to_do(address):
    headers = {"Content-Type": "application/grpc"}
    reply = ask(address, "/t.T/Echo", method="POST", body=b"\0\0\0\0\0", headers=headers)
    assert reply.status == 426
    assert "gRPC-Web" in json.loads(reply.body)["error"]
