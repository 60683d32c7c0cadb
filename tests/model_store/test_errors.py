"""The table of failures: its docstring, its classes and both protocols' numbers."""

from __future__ import annotations

import re

import grpc
import pytest

from model_store import errors
from model_store.errors import Code, EaselError

# The "HTTP Mapping" lines of google/rpc/code.proto.
GOOGLE_RPC = {
    "OK": 200,
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
}
_LINE = re.compile(
    r"^ {4}(?P<branch>[│├└─ ]*)(?P<name>\w+)(?: +(?P<code>[A-Z_]+) +(?P<http>\d+))?$"
)


def drawn_tree() -> dict[str, tuple[str | None, str, int]]:
    """Parent, code name and HTTP status of each class, as the docstring draws them."""
    tree: dict[str, tuple[str | None, str, int]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if not (match := _LINE.match(line)):
            continue
        depth = len(match["branch"]) // 4
        parent = above[depth - 1] if depth else None
        above[depth:] = [match["name"]]
        inherited = tree[parent][1:] if parent else ("", 0)
        own = (match["code"], int(match["http"])) if match["code"] else inherited
        tree[match["name"]] = (parent, *own)
    return tree


@pytest.mark.parametrize("code", Code, ids=lambda code: code.name)
def test_a_code_has_grpcs_own_number(code):
    assert grpc.StatusCode[code.name].value[0] == code.grpc_number


@pytest.mark.parametrize("code", Code, ids=lambda code: code.name)
def test_a_code_has_the_http_status_that_google_rpc_gives_it(code):
    assert code.http == GOOGLE_RPC[code.name]


def test_codes_that_share_an_http_status_stay_different():
    assert Code.INVALID_ARGUMENT is not Code.FAILED_PRECONDITION
    assert len({code.grpc_number for code in Code}) == len(Code) == len(GOOGLE_RPC)


def test_the_drawn_tree_has_every_class_of_the_module():
    defined = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, EaselError)
    }
    assert drawn_tree().keys() == defined


@pytest.mark.parametrize("name", drawn_tree())
def test_a_class_has_the_parent_and_the_code_that_the_tree_draws(name):
    parent, code, http = drawn_tree()[name]
    kind = getattr(errors, name)
    assert kind.__base__ is (Exception if parent is None else getattr(errors, parent))
    assert (kind.code.name, kind.code.http) == (code, http)


def test_an_error_is_made_of_its_message_alone():
    assert str(errors.BadImage("not an image")) == "not an image"
