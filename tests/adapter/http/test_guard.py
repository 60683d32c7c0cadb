"""Keys, scopes and rates, as callers meet them."""

from __future__ import annotations

import pytest

from adapter.access.keys import KeyRing, new_key, write_ring
from model_store.errors import InvalidRequest
from tests.adapter.http.fronts import application, post


@pytest.fixture
def keys(tmp_path):
    """A file with two keys, and their texts."""
    shop, first = new_key("shop", ("predict",), "")
    watch, second = new_key("watch", ("ops",), "")
    path = tmp_path / "keys.json"
    path.write_bytes(write_ring(KeyRing({shop.id: shop, watch.id: watch})))
    return str(path), first, second


def message(answer):
    return answer.get_json()["error"]["message"]


def test_without_a_file_of_keys_nobody_needs_one(store):
    client = application(store)
    assert post(client).status_code == 200
    assert post(client, Authorization="Basic eDp5").status_code == 200


def test_with_one_a_key_is_needed_in_either_header(store, keys):
    path, shop, _ = keys
    client = application(store, key_file=path)
    answer = post(client)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "Authorization: Bearer KEY" in message(answer)
    assert answer.get_json()["msg"].startswith("A key is needed here.")
    assert post(client, Authorization=f"Bearer {shop}").status_code == 200
    assert post(client, Authorization=f"bearer  {shop} ").status_code == 200
    assert post(client, X_Api_Key=shop).status_code == 200


def test_a_file_of_keys_that_never_was_is_our_trouble_and_its_place_is_not_told(store, keys):
    answer = post(application(store, key_file="/nowhere/keys.json"), X_Api_Key=keys[1])
    assert answer.status_code == 503
    assert "/nowhere" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [{"X_Api_Key": ""}, {"X_Api_Key": "easel_0"}, {"Authorization": "Bearer"},
     {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer easel_" + "0" * 12 + "_" + "a" * 43}],
)  # fmt: skip
def test_what_is_no_key_of_ours_is_unauthenticated_also_where_none_is_needed(store, keys, headers):
    path, _, _ = keys
    assert post(application(store, key_file=path), **headers).status_code == 401
    opened = application(store, key_file=path, open_scopes=("predict",))
    assert post(opened, **headers).status_code == 401


def test_a_key_without_the_scope_is_told_which_one_is_missing(store, keys):
    path, shop, watch = keys
    client = application(store, key_file=path)
    answer = post(client, X_Api_Key=watch)
    assert answer.status_code == 403
    assert message(answer) == "the key 'watch' has no scope 'predict'; ask the operator"
    assert client.get("/metrics", headers={"X-Api-Key": watch}).status_code == 200
    assert client.get("/metrics", headers={"X-Api-Key": shop}).status_code == 403
    assert client.get("/metrics").status_code == 401


def test_pages_documents_and_health_need_no_key(store, keys):
    client = application(store, key_file=keys[0])
    for path in ("/", "/docs", "/openapi.json", "/healthz", "/readyz", "/static/icon.svg"):
        assert client.get(path, buffered=True).status_code == 200, path


def test_a_scope_can_be_open_to_all_while_others_are_not(store, keys):
    client = application(store, key_file=keys[0], open_scopes=("predict",))
    assert post(client).status_code == 200
    assert post(client, X_Api_Key=keys[2]).status_code == 200
    assert client.get("/metrics").status_code == 401


def test_a_key_is_asked_before_the_body_is_looked_at(store, keys):
    client = application(store, key_file=keys[0])
    assert client.post("/api/numbers", data=b"{" * 99_999).status_code == 401


def test_the_document_says_whether_keys_are_needed(store, keys):
    without = application(store).get("/openapi.json").get_json()
    assert "securitySchemes" not in without["components"]
    document = application(store, key_file=keys[0]).get("/openapi.json").get_json()
    assert document["components"]["securitySchemes"].keys() == {"bearer", "key"}
    operation = document["paths"]["/api/numbers"]["post"]
    assert operation["security"] == [{"bearer": ["predict"]}, {"key": ["predict"]}]
    assert "security" not in document["paths"]["/healthz"]["get"]


def test_the_document_names_models_to_those_alone_who_may_ask_them(store, keys):
    path, shop, watch = keys

    def answer(headers=(), **access):
        return application(store, **access).get("/openapi.json", headers=dict(headers))

    def is_named(*args, **access):
        return "/api/models/numbers" in answer(*args, **access).get_json()["paths"]

    assert is_named()
    assert not is_named(key_file=path)
    assert not is_named({"X-Api-Key": watch}, key_file=path)
    assert not is_named({"Authorization": "Basic eDp5"}, key_file=path)
    assert is_named({"X-Api-Key": shop}, key_file=path)
    assert is_named({"Authorization": f"Bearer {shop}"}, key_file=path)
    assert is_named(key_file=path, open_scopes=("predict",))
    assert not is_named(key_file="/nowhere/keys.json")
    shown = answer(key_file=path)
    assert "numbers/1" not in shown.text
    assert "/api/models/{name}" in shown.get_json()["paths"]
    assert "X-Api-Key" in shown.headers["Vary"]


def test_a_caller_is_told_what_is_left_and_when_it_is_too_much(store):
    client = application(store, rate_limit="2/minute")
    first = post(client)
    assert first.headers["RateLimit-Policy"] == '"default";q=2;w=60'
    assert first.headers["RateLimit"].startswith('"default";r=1;t=')
    post(client)
    answer = post(client)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert answer.get_json()["msg"].startswith("You have asked too often.")
    assert "more than 2 requests in 60 s" in message(answer)


def test_each_key_and_without_keys_each_address_has_a_rate_of_its_own(store, keys):
    path, shop, _ = keys
    client = application(
        store, key_file=path, open_scopes=("predict",), rate_limit="1/minute",
        trusted_proxies=("127.0.0.0/8",),
    )  # fmt: skip
    assert [post(client, X_Api_Key=shop).status_code for _ in range(2)] == [200, 429]
    for address in ("203.0.113.7", "203.0.113.8"):
        statuses = [post(client, X_Forwarded_For=address).status_code for _ in range(2)]
        assert statuses == [200, 429]


def test_watching_health_and_pages_are_not_limited(store):
    client = application(store, rate_limit="1/minute")
    for path in ("/metrics", "/healthz", "/", "/openapi.json", "/api/numbers"):
        for _ in range(3):
            assert client.get(path, buffered=True).status_code != 429, path


def test_a_scope_that_does_not_exist_is_told(store):
    with pytest.raises(InvalidRequest, match="no scope 'all'; there are predict, speech"):
        application(store, open_scopes=("all",))
