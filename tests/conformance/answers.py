"""Answers as one line of text each, to compare and to write down."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import zlib
from collections.abc import Mapping, Sequence

from tests.conformance.http_cases import HttpCase

# What a server says of itself differs from one version, run or machine to the next.
VOLATILE = ("queue_us", "compute_us", "batch_rows")
LIMIT = 3000


def http_answer(address: str, case: HttpCase) -> str:
    """Send a case to ``HOST:PORT``: status, content type unless JSON, and the body."""
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request(case.method, case.path, case.body or None, dict(case.headers))
        response = connection.getresponse()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
    finally:
        connection.close()
    encoding = headers.get("content-encoding", "")
    kind = headers.get("content-type", "").split(";")[0]
    parts = [str(response.status), encoding, "" if kind == "application/json" else kind]
    text = _body(_inflate(body, encoding), headers.get("inference-header-content-length"))
    return _cut(" ".join([part for part in parts if part] + ([text] if text else [])))


def grpc_answer(answer: Sequence[object]) -> str:
    """One of ``grpc_calls.py``'s answers: the status and message, or the responses.

    Of a message the first line counts; a traceback may follow it.
    """
    code, details, responses = answer
    assert isinstance(responses, list)
    message = str(details).partition("\n")[0].strip()
    text = " ".join(_json(each) for each in responses)
    return _cut(" ".join(part for part in (str(code), message, text) if part))


def _inflate(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    return zlib.decompress(body) if encoding == "deflate" else body


def _body(body: bytes, header_length: str | None) -> str:
    """JSON in its canonical form, and what follows it in hex; else the text itself."""
    length = len(body) if header_length is None else int(header_length)
    try:
        head = _json(json.loads(body[:length])) if length else ""
    except ValueError:
        return body.decode(errors="backslashreplace").strip()
    return head + (f" + {body[length:].hex()}" if header_length is not None else "")


def _json(value: object) -> str:
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _plain(value: object) -> object:
    """Without what is volatile; floats to six digits; raw floats as they are."""
    if isinstance(value, Mapping):
        kept = {key: _plain(item) for key, item in value.items() if key not in VOLATILE}
        if kept.get("parameters") == {}:
            del kept["parameters"]
        return kept
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _cut(text: str) -> str:
    """A long text's beginning, and a digest that stands for the rest."""
    if len(text) <= LIMIT:
        return text
    return f"{text[:LIMIT]}... sha256:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
