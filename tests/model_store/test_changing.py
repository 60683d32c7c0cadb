"""Promotions and rollbacks: refused without proof, in one step, each written down once."""

from __future__ import annotations

import json
import threading

import pytest

from model_store import history as histories
from model_store.changing import (
    Author,
    check_parity,
    live_version,
    promote,
    read_deployment,
    read_history,
    roll_back,
)
from model_store.errors import BadVersion, DeploymentRefused, ServableNotFound
from model_store.spec import ModelVersion
from model_store.store import Store
from tests.model_store.publishing import describe, publish, publish_proven

ANA = Author("ana@desk", "it is better")


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path / "models")
    for _ in range(3):
        publish_proven(store)
    return store


def version(number: int) -> ModelVersion:
    return ModelVersion("numbers", number)


def labels(store: Store) -> dict[str, int]:
    return dict(read_deployment(store, "numbers").labels)


def deployment_file(store: Store):
    return store.root / "numbers" / "deployment.json"


def test_a_promotion_names_a_version_and_is_written_down(store):
    change = promote(store, version(2), "stable", ANA)
    assert labels(store) == {"stable": 2}
    assert store.version_labels("numbers") == {"stable": 2}
    assert (change.before, change.after, change.actor) == (None, 2, "ana@desk")
    (line,) = (store.root / "numbers" / "history.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "change": 1, "time": change.time, "actor": "ana@desk", "action": "promote",
        "label": "stable", "from": None, "to": 2, "reason": "it is better",
    }  # fmt: skip
    assert change.time.endswith("+00:00")


def test_what_is_live_is_what_stable_names_else_the_newest(store):
    assert live_version(store, "numbers") == 3
    promote(store, version(2), "canary", ANA)
    assert live_version(store, "numbers") == 3
    promote(store, version(1), "stable", ANA)
    assert live_version(store, "numbers") == 1
    store.remove(version(1))
    assert live_version(store, "numbers") == 3
    assert live_version(store, "letters") is None


def test_a_promotion_of_what_is_named_already_changes_nothing(store):
    promote(store, version(2), "stable", ANA)
    before = deployment_file(store).stat().st_ino
    assert promote(store, version(2), "stable", ANA) is None
    assert deployment_file(store).stat().st_ino == before
    assert len(read_history(store, "numbers").changes) == 1


def test_other_labels_and_what_is_not_known_here_stay(store):
    rest = {"traffic": {"1": 90, "2": 10}, "shadow": [3]}
    deployment_file(store).write_text(json.dumps({"labels": {"old": 1}, **rest}))
    promote(store, version(3), "stable", ANA)
    value = json.loads(deployment_file(store).read_text())
    assert value["labels"] == {"old": 1, "stable": 3}
    assert {key: value[key] for key in rest} == rest


def test_a_version_without_a_passing_report_is_refused(store):
    failed, odd = publish_proven(store, passed=False), publish_proven(store, passed="true")
    for model, complaint in (
        (publish(store), "has no parity report"),
        (failed, "is not what its source is"),
        (odd, "is not what its source is"),
    ):
        with pytest.raises(DeploymentRefused, match=complaint):
            promote(store, model, "stable", ANA)
    assert labels(store) == {}
    assert not deployment_file(store).exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", "true", "[" * 100_000])
def test_a_report_that_says_nothing_is_none(store, text):
    with store.publishing("numbers") as (folder, finish):
        (folder / "parity.json").write_text(text)
        model = finish(lambda model: describe(folder, model, parity_file="parity.json"))
    with pytest.raises(DeploymentRefused, match="is no parity report"):
        check_parity(store, model)


def test_an_altered_version_is_refused_even_if_its_report_was_made_to_pass(store):
    model = publish_proven(store, passed=False)
    (store.folder(model) / "parity.json").write_text('{"passed": true}')
    with pytest.raises(BadVersion, match="parity.json was altered"):
        promote(store, model, "stable", ANA)


def test_what_is_not_there_cannot_be_promoted(store):
    with pytest.raises(ServableNotFound):
        promote(store, version(9), "stable", ANA)
    with pytest.raises(ServableNotFound):
        promote(store, ModelVersion("letters", 1), "stable", ANA)


def test_rollbacks_go_back_step_by_step_and_end_at_the_first(store):
    for number in (1, 2, 3):
        promote(store, version(number), "stable", ANA)
    assert roll_back(store, "numbers", "stable", Author("bo", "slow")).after == 2
    assert roll_back(store, "numbers", "stable", ANA).after == 1
    with pytest.raises(DeploymentRefused, match="never named another version; use easel promote"):
        roll_back(store, "numbers", "stable", ANA)
    found = read_history(store, "numbers").changes
    assert [(c.action, c.before, c.after) for c in found] == [
        ("promote", None, 1), ("promote", 1, 2), ("promote", 2, 3),
        ("rollback", 3, 2), ("rollback", 2, 1),
    ]  # fmt: skip
    assert [c.number for c in found] == [1, 2, 3, 4, 5]
    assert found[3].reason == "slow"


def test_a_rollback_to_what_is_damaged_or_gone_is_refused(store):
    promote(store, version(1), "stable", ANA)
    promote(store, version(2), "stable", ANA)
    (store.folder(version(1)) / "model.onnx").write_bytes(b"other")
    with pytest.raises(BadVersion):
        roll_back(store, "numbers", "stable", ANA)
    store.remove(version(1))
    with pytest.raises(ServableNotFound):
        roll_back(store, "numbers", "stable", ANA)
    with pytest.raises(ServableNotFound, match="no model 'letters'"):
        roll_back(store, "letters", "stable", ANA)
    assert labels(store) == {"stable": 2}


def test_a_deployment_written_by_hand_is_a_beginning_to_go_back_to(store):
    deployment_file(store).write_text('{"labels": {"stable": 1}}')
    promote(store, version(3), "stable", ANA)
    assert roll_back(store, "numbers", "stable", ANA).after == 1


def test_a_change_that_was_not_written_down_is_seen_and_written_by_the_next(store):
    promote(store, version(1), "stable", ANA)
    lines = store.root / "numbers" / "history.jsonl"
    first = lines.read_bytes()
    promote(store, version(2), "stable", ANA)
    for left in (first, first + b'{"change": 2, "ti', b""):  # killed in between, or lost
        lines.write_bytes(left)
        seen = read_history(store, "numbers").changes
        assert seen[-1].after == 2
        assert promote(store, version(2), "stable", ANA) is None
        assert histories.decode(lines.read_bytes()).changes == seen
    assert promote(store, version(3), "stable", ANA).number == 3


def test_a_damaged_deployment_is_not_written_over(store):
    deployment_file(store).write_text("{")
    with pytest.raises(BadVersion, match=r"deployment\.json cannot be read.*; mend it"):
        promote(store, version(1), "stable", ANA)
    assert deployment_file(store).read_text() == "{"


def test_a_damaged_line_of_the_history_keeps_nobody_from_going_on(store):
    promote(store, version(1), "stable", ANA)
    lines = store.root / "numbers" / "history.jsonl"
    lines.write_bytes(lines.read_bytes() + b"oops\n")
    assert promote(store, version(2), "stable", ANA).number == 2
    assert read_history(store, "numbers").damaged == (2,)


def test_the_copy_of_a_bucket_is_not_changed(store):
    (store.root / ".mirror").write_text("s3://bucket/models")
    with pytest.raises(DeploymentRefused, match="is a copy of s3://bucket/models"):
        promote(store, version(1), "stable", ANA)


def test_many_at_once_lose_no_change_and_no_line(store):
    def work(label: str) -> None:
        for number in (1, 2, 3, 1, 2):
            promote(store, version(number), label, Author(label))

    threads = [threading.Thread(target=work, args=(f"label{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert labels(store) == {f"label{i}": 2 for i in range(6)}
    found = histories.decode((store.root / "numbers" / "history.jsonl").read_bytes())
    assert [change.number for change in found.changes] == list(range(1, 31))
    assert found.damaged == ()
