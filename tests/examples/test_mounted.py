"""Easel inside other applications: what works at / works where it is mounted."""

from __future__ import annotations

import base64
import json
import re
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urljoin, urlsplit

import pytest

from adapter.feedback.reading import Passed, read_log
from tests.examples.conftest import UVICORN
from tests.examples.servers import THREE, Example, ask, running

BODY = json.dumps({"base64_drawing": base64.b64encode(THREE).decode()}).encode()


def test_a_drawing_is_answered(example):
    answer = example.post("/api/numbers", BODY)
    assert answer.status == 200
    assert answer.json()["label"] == "3"
    assert answer.json()["model"] == {"name": "numbers", "version": 1}


def test_a_picture_as_the_body_is_answered(example):
    assert example.post("/api/numbers", THREE).json()["label"] == "3"


def test_a_picture_that_comes_in_chunks_is_answered(example):
    connection = HTTPConnection(example.address.removeprefix("http://"), timeout=30)
    with closing(connection):
        parts = iter([THREE[:100], THREE[100:]])
        connection.request("POST", f"{example.prefix}/api/numbers", parts, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["label"]) == (200, "3")


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_everything_that_a_page_names_is_where_it_says(example: Example, page):
    answer = example.get(page)
    assert answer.status == 200
    named = re.findall(r'(?:src|href)="([^"#]+)"', answer.body.decode())
    assert named
    for address in named:
        url = urljoin(answer.url, address)
        assert urlsplit(url).path.startswith(f"{example.prefix}/"), address
        assert ask(url).status == 200, address


def test_modules_that_a_page_loads_import_what_is_there(example: Example):
    seen, waiting = set(), {f"{example.address}{example.prefix}/static/play/page.js"}
    while waiting:
        url = waiting.pop()
        seen.add(url)
        answer = ask(url)
        assert answer.status == 200, url
        named = re.findall(r"""from\s+["'](\.[^"']+)["']""", answer.body.decode())
        waiting |= {urljoin(url, one) for one in named} - seen
    assert len(seen) > 5


def test_the_document_says_where_its_paths_begin(example: Example):
    document = example.get("/openapi.json").json()
    assert document["servers"] == [{"url": example.prefix or "/"}]
    assert "/api/numbers" in document["paths"]


def test_a_failure_has_the_one_shape(example: Example):
    answer = example.get("/api/nothing")
    assert answer.status == 404
    assert answer.json()["error"]["code"] == "NOT_FOUND"
    assert answer.json()["label"] == "null"


@pytest.mark.parametrize("name", ["django", "beside"])
def test_without_the_slash_at_the_end_the_page_is_found(request, name):
    example = request.getfixturevalue(name)
    answer = example.get("")
    assert answer.url == f"{example.address}/easel/"
    assert answer.body == example.get("/").body


@pytest.mark.parametrize("name", ["django", "beside"])
def test_the_other_application_keeps_its_own_addresses(request, name):
    example = request.getfixturevalue(name)
    home = ask(f"{example.address}/")
    assert b"<h1>School</h1>" in home.body
    assert ask(urljoin(home.url, "easel/")).status == 200
    assert ask(f"{example.address}/api/numbers", BODY).status in (404, 405)
    assert ask(f"{example.address}/static/play/page.js").status == 404


def test_an_asgi_server_that_is_stopped_loses_nothing_of_the_request_log(numbers_server, tmp_path):
    log = tmp_path / "log"
    command = [*UVICORN, "app:beside"]
    with running(
        "asgi", command, "/easel", numbers_server.address, EASEL_FEEDBACK_LOG=str(log)
    ) as example:
        ids = [example.post("/api/numbers", BODY).headers["X-Request-Id"] for _ in range(5)]
    assert [record.request_id for record in read_log(log, Passed())] == ids
