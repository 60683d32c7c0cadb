"""How a refusal's own estimate reaches the caller."""

from __future__ import annotations

import pytest

from model_store.errors import Overloaded, ServableNotReady
from serving.transport.errors import json_error, retry_after


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Overloaded("full", retry_after_s=0.1), 1),
        (Overloaded("full", retry_after_s=2.2), 3),
        (ServableNotReady("loading"), 1),
    ],
)
def test_seconds_are_whole_and_never_none(error, seconds):
    assert retry_after(error) == seconds
    headers = json_error(error.code.http, "m", retry_after(error)).headers
    assert headers == ((b"retry-after", b"%d" % seconds),)


def test_what_will_never_succeed_names_no_time():
    assert json_error(400, "m").headers == ()
