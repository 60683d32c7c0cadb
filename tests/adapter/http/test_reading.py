"""One picture, sent in every way a front end has; and whatever else arrives."""

from __future__ import annotations

import base64
import json
import tracemalloc
from io import BytesIO
from wsgiref.types import WSGIEnvironment

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from adapter.http.reading import read_body, read_deadline, read_json, read_picture
from adapter.services.recognising import TopK
from model_store.errors import InvalidRequest
from tests.model_store.pictures import encode, three

PNG = encode(three())
TEXT = base64.b64encode(PNG).decode()
URL = "data:image/png;base64," + TEXT
APP = Flask(__name__)
MOST = 10_000_000


def request(**arguments) -> WSGIEnvironment:
    return APP.test_request_context("/", method="POST", **arguments).request.environ


def in_json(body: object, **arguments) -> WSGIEnvironment:
    return request(data=json.dumps(body), **arguments)


WAYS = {
    "JSON": lambda: in_json({"base64_drawing": URL}, content_type="application/json"),
    "the short key": lambda: in_json({"image": TEXT}, content_type="application/json"),
    "JSON as text": lambda: in_json({"base64_drawing": TEXT}, content_type="text/plain"),
    "JSON as curl's form": lambda: in_json(
        {"base64_drawing": TEXT}, content_type="application/x-www-form-urlencoded"
    ),
    "JSON after a line": lambda: request(data=f'\n {{"base64_drawing": "{TEXT}"}}'),
    "the body itself": lambda: request(data=PNG, content_type="image/png"),
    "the body as curl's form": lambda: request(
        data=PNG, content_type="application/x-www-form-urlencoded"
    ),
    "the body without a type": lambda: request(data=PNG),
    "a file": lambda: request(data={"image": (BytesIO(PNG), "three.png")}),
    "a file of any name": lambda: request(data={"upload": (BytesIO(PNG), "x")}),
    "a form of many parts": lambda: request(
        data={"base64_drawing": URL}, content_type="multipart/form-data"
    ),
    "a form": lambda: request(data={"base64_drawing": URL}),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_picture_arrives_whichever_way_it_is_sent(way):
    assert read_picture(WAYS[way](), TopK, MOST) == (PNG, TopK())


@pytest.mark.parametrize(
    "asked",
    [
        lambda: in_json({"base64_drawing": TEXT, "top_k": 3}),
        lambda: in_json({"base64_drawing": TEXT, "top_k": "3"}),
        lambda: in_json({"base64_drawing": TEXT, "unknown": [1]}, query_string="top_k=3"),
        lambda: in_json({"base64_drawing": TEXT, "top_k": 3}, query_string="top_k=7"),
        lambda: request(data=PNG, query_string="top_k=3"),
        lambda: request(data={"image": (BytesIO(PNG), "three.png"), "top_k": "3"}),
        lambda: request(data={"image": TEXT, "top_k": "3"}),
    ],
)
def test_an_option_may_stand_in_the_body_or_in_the_address_and_the_body_wins(asked):
    assert read_picture(asked(), TopK, MOST) == (PNG, TopK(3))


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (lambda: request(data=b""), "neither JSON nor a picture"),
        (lambda: request(data=b"", content_type="image/png"), "the body is empty"),
        (lambda: request(data=b"hello", content_type="text/plain"), "neither JSON nor a picture"),
        (lambda: request(data=b"[1]", content_type="application/json"), "neither JSON nor"),
        (lambda: request(data=b"{"), "the body is no JSON: "),
        (lambda: request(data=b'{"a": ' + b"[" * 99_999), "the body is no JSON: "),
        (lambda: in_json({}), '"base64_drawing" is missing'),
        (lambda: in_json({"base64_drawing": ""}), '"base64_drawing" must be text'),
        (lambda: in_json({"base64_drawing": 5}), '"base64_drawing" must be text'),
        (lambda: in_json({"image": ["AAAA"]}), '"image" must be text'),
        (lambda: in_json({"image": "not base64!"}), '"image" is not base64'),
        (lambda: in_json({"image": TEXT, "top_k": 0}), "top_k"),
        (lambda: in_json({"image": TEXT, "top_k": 1.5}), "top_k"),
        (lambda: request(data={"a": (BytesIO(PNG), "a"), "b": (BytesIO(PNG), "b")}), "2 files"),
        (lambda: request(data={"image": (BytesIO(b""), "a")}), "file is empty"),
        (lambda: request(data={"top_k": "3"}), '"base64_drawing" is missing'),
    ],
)
def test_what_is_no_picture_is_told_what_to_send(asked, complaint):
    with pytest.raises(InvalidRequest, match=complaint):
        read_picture(asked(), TopK, MOST)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": [' + b"[]," * 300_000 + b'[]], "image": ""}',
        b'{"top_k": [' + b"{}," * 300_000 + b"{}]}",
        b"{" + b",".join(b'"%d":0' % number for number in range(100_000)) + b"}",
        b"image=" + b"&a" * 500_000,
    ],
)
def test_a_body_of_many_small_things_takes_no_memory_for_them(body):
    asked = request(data=body, content_type="application/x-www-form-urlencoded")
    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequest):
            read_picture(asked, TopK, MOST)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(body)


KINDS = st.sampled_from(
    [None, "application/json", "text/plain", "image/png", "application/x-www-form-urlencoded",
     "multipart/form-data; boundary=x", "multipart/form-data"]
)  # fmt: skip
STARTS = st.sampled_from([b"", b"{", b'{"image":', b"--x\r\n", b"\x89PNG", b"image=", b"\xff"])


@given(STARTS, st.binary(), KINDS, st.text())
def test_any_body_at_all_is_a_picture_or_an_invalid_request(start, rest, kind, query):
    asked = request(data=start + rest, content_type=kind, query_string={"top_k": query})
    try:
        picture, _ = read_picture(asked, TopK, MOST)
    except InvalidRequest:
        return
    assert picture


class Dripping(BytesIO):
    """A body that comes in pieces."""

    def read(self, size=-1):
        return super().read(min(size, 3) if size >= 0 else 3)


def sent(body: bytes, length: int | None) -> WSGIEnvironment:
    """A body as a server hands it on: of a known length, or in chunks."""
    environ = {"wsgi.input": Dripping(body), "wsgi.input_terminated": True}
    said = {"HTTP_TRANSFER_ENCODING": "chunked"} if length is None else {"CONTENT_LENGTH": length}
    return {**environ, **{name: str(value) for name, value in said.items()}}


@pytest.mark.parametrize("says_how_long", [True, False])
@pytest.mark.parametrize("body", [b"", b"7", b"1234567", b"12345678"])
def test_a_body_is_read_whole_and_no_longer_than_allowed(body, says_how_long):
    environ = sent(body, len(body) if says_how_long else None)
    if len(body) <= 7:
        assert read_body(environ, 7) == body
        return
    with pytest.raises(RequestEntityTooLarge):
        read_body(environ, 7)


def test_a_body_that_ends_before_it_is_whole_is_no_body():
    with pytest.raises(ClientDisconnected):
        read_body(sent(b"1234", 5), 7)


def test_json_without_a_picture_is_options_and_those_in_the_address_fill_up():
    assert read_json(in_json({"top_k": 3}), TopK, MOST) == TopK(3)
    assert read_json(in_json({}, query_string="top_k=4"), TopK, MOST) == TopK(4)
    with pytest.raises(InvalidRequest, match="no JSON"):
        read_json(request(data=b"top_k=3"), TopK, MOST)


def test_the_caller_may_say_how_long_it_waits():
    assert read_deadline(request()) is None
    left = read_deadline(request(headers={"X-Request-Timeout-Ms": "1500"})).left_s()
    assert 0.5 < left <= 1.5


@pytest.mark.parametrize("header", ["0", "-1", "soon", "1.5", "", "٣"])
def test_a_time_to_wait_that_is_none_is_told(header):
    asked = request(headers={"X-Request-Timeout-Ms": header.encode().decode("latin-1")})
    with pytest.raises(InvalidRequest, match="X-Request-Timeout-Ms must be a whole number"):
        read_deadline(asked)
