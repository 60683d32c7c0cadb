"""The JSON of answers and failures, without a service behind it."""

from __future__ import annotations

import math

import pytest
from flask import Flask, abort
from hypothesis import given
from hypothesis import strategies as st

from adapter.http.answers import RETRY_AFTER_S, language
from adapter.http.blueprints import install_error_handlers
from model_store import errors


def app_that_raises(error: Exception) -> Flask:
    app = Flask(__name__)
    install_error_handlers(app)

    @app.get("/")
    def fail():
        raise error

    @app.get("/abort/<int:status>")
    def give_up(status: int):
        abort(status)

    return app


KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.EaselError)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_failure_has_its_status_its_code_and_its_message(kind):
    error = kind("what happened")
    response = app_that_raises(error).test_client().get("/")
    assert response.status_code == kind.code.http
    # What is wrong with our own files names folders of ours: that is for the log alone.
    said = "the model's files are damaged; our log says how"
    message = said if kind is errors.BadVersion else "what happened"
    assert response.get_json()["error"] == {"code": kind.code.name, "message": message}
    assert response.get_json()["label"] == "null"
    is_retryable = kind.code.http in (429, 503, 504)
    after_s = getattr(error, "retry_after_s", RETRY_AFTER_S)
    told = str(math.ceil(after_s)) if is_retryable else None
    assert response.headers.get("Retry-After") == told


@pytest.mark.parametrize(("status", "code"), [(404, "NOT_FOUND"), (403, "INVALID_ARGUMENT")])
def test_what_flask_gives_up_on_has_the_same_shape(status, code):
    response = app_that_raises(errors.EaselError()).test_client().get(f"/abort/{status}")
    assert response.status_code == status
    assert response.get_json()["error"]["code"] == code


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"])))
def test_any_accept_language_header_is_one_of_our_languages(header):
    assert language({"HTTP_ACCEPT_LANGUAGE": header}) in ("en", "ko")
