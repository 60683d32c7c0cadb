"""The allow-list of origins, as an operator writes it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.access.origins import read_origins
from model_store.errors import InvalidRequest


@pytest.mark.parametrize(
    "text",
    ["https://shop.example", "http://localhost:3000", "https://xn--bcher-kva.example", "http://[::1]:80" "80",
     "http://127.0.0.1:5173", "https://a-b.c"],
)  # fmt: skip
def test_an_origin_as_browsers_send_it_is_taken(text):
    assert read_origins([text], with_credentials=True) == (text,)


@pytest.mark.parametrize(
    "text",
    ["shop.example", "https://shop.example/", "https://Shop.example", "https://shop.example:443",
     "http://shop.example:80", "https://*.example", "null", "ftp://shop.example", "https://", "",
     "https://shop.example,https://b.example", "https://shop.example\n", "https://-a.example",
     "https://shop.example:", "https://user@shop.example", "https://shop..example"],
)  # fmt: skip
def test_what_no_browser_would_send_is_told(text):
    with pytest.raises(InvalidRequest, match="no origin as browsers send it"):
        read_origins([text], with_credentials=False)


def test_all_may_come_only_alone_and_without_credentials():
    assert read_origins(["*"], with_credentials=False) == ("*",)
    with pytest.raises(InvalidRequest, match="cannot go with allow_credentials"):
        read_origins(["*"], with_credentials=True)
    with pytest.raises(InvalidRequest, match="already has the others"):
        read_origins(["*", "https://shop.example"], with_credentials=False)


@given(st.text() | st.from_regex(r"https?://[a-z0-9.:/-]+"))
def test_whatever_is_taken_is_scheme_and_host_and_no_more(text):
    try:
        (origin,) = read_origins([text], with_credentials=True)
    except InvalidRequest:
        return
    parts = urlsplit(origin)
    assert f"{parts.scheme}://{parts.netloc}" == origin
    assert parts.scheme in {"http", "https"}
    assert parts.hostname
