"""``easel models``, ``versions``, ``show``, ``verify`` and ``history``."""

from __future__ import annotations

import pytest

from model_store.commands.common import size
from model_store.store import Store
from tests.model_store.publishing import describe, publish, publish_proven
from tests.support import BUNDLED_STORE


def publish_described(store: Store) -> None:
    with store.publishing("letters") as (folder, finish):
        (folder / "model.onnx").write_bytes(b"graph")
        finish(
            lambda model: describe(
                folder, model, tag="red\x1b[31m", author="Ana", licence="CC-BY-4.0",
                source={"file": "letters.h5"}, exporter={"easel": "0.1"},
            )
        )  # fmt: skip


def test_models_are_listed_with_what_is_live(easel, store):
    publish(store, "letters")
    easel("promote", "numbers", "2")
    easel("promote", "numbers", "1", "--label", "canary")
    assert easel("models").out.splitlines() == [
        "model    live  versions  version labels",
        "letters     1  1",
        "numbers     2  1, 2, 3   canary=1, stable=2",
    ]
    assert easel("models", "--json").value == {
        "store": str(store.root),
        "models": [
            {"name": "letters", "versions": [1], "live": 1, "labels": {}},
            {
                "name": "numbers", "versions": [1, 2, 3], "live": 2,
                "labels": {"canary": 1, "stable": 2},
            },
        ],
    }  # fmt: skip


def test_a_damaged_deployment_hides_no_model(easel, store):
    publish(store, "letters")
    (store.root / "numbers" / "deployment.json").write_text("{")
    told = easel("models")
    assert told.status == 0
    assert "letters" in told.out
    assert "deployment.json cannot be read" in told.out


def test_many_versions_are_told_by_the_last_of_them(easel, store):
    for _ in range(9):
        publish_proven(store)
    assert "..., 5, 6, 7, 8, 9, 10, 11, 12" in easel("models").out
    assert len(easel("models", "--json").value["models"][0]["versions"]) == 12


def test_an_empty_store_and_none_are_told_apart(easel, tmp_path):
    (tmp_path / "empty").mkdir()
    told = easel("models", place=str(tmp_path / "empty"))
    assert (told.status, told.out[:20]) == (0, "there is no model in")
    told = easel("models", place=str(tmp_path / "absent"))
    assert (told.status, told.out) == (1, "")
    assert "there is no model store at" in told.error


def test_versions_are_listed_with_labels_size_and_tag(easel, store):
    easel("promote", "numbers", "2")
    (store.root / "numbers" / "1" / "manifest.json").write_text("{")
    first, *rows = easel("versions", "numbers").out.splitlines()
    assert first.split() == ["version", "version", "labels", "format", "size", "created", "tag"]
    assert "damaged" in rows[0]
    assert rows[1].split()[:5] == ["2", "live", "stable", "onnx", "21"]
    found = easel("versions", "numbers", "--json").value["versions"]
    assert "manifest.json cannot be read" in found[0]["problem"]
    assert (found[1]["is_live"], found[1]["labels"], found[2]["is_live"]) == (
        True, ["stable"], False,
    )  # fmt: skip


def test_a_damaged_newest_version_is_not_called_live(easel, store):
    (store.root / "numbers" / "3" / "manifest.json").write_text("{")
    found = easel("versions", "numbers", "--json").value["versions"]
    assert [each["is_live"] for each in found] == [False, True, False]
    assert easel("models", "--json").value["models"][0]["live"] == 2
    assert "numbers/2 (live)" in easel("show", "numbers").out


def test_a_version_is_shown_with_everything_that_is_known(easel, store):
    publish_described(store)
    lines = [" ".join(line.split()) for line in easel("show", "letters").out.splitlines()]
    for line in (
        "version letters/1 (live)",
        r"tag red\x1b[31m",
        "author Ana",
        "licence CC-BY-4.0",
        "parity no report",
        "signed no",
        "source file letters.h5",
        "made by easel 0.1",
        "signature serving_default (predict)",
        "takes image: uint8[N, 2, 2, 1]",
        "1 files, 5 B",
    ):
        assert line in lines


@pytest.mark.parametrize(
    ("model", "version"),
    [("numbers", 2), ("numbers/3", 3), ("numbers/stable", 2), ("numbers/canary", 1)],
)
def test_a_version_is_named_by_number_by_label_or_is_the_live_one(easel, model, version):
    easel("promote", "numbers", "2")
    easel("promote", "numbers", "1", "--label", "canary")
    value = easel("show", model, "--json").value
    assert value["version"] == version
    assert value["has_passed_parity"] is True
    assert value["is_live"] is (version == 2)
    assert value["files"].keys() == {"model.onnx", "parity.json"}


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["show", "letters"], 1, "there is no model 'letters' in .*; there are: numbers"),
        (["show", "numbers/9"], 1, "no version numbers/9 in .*; there are: 1, 2, 3"),
        (["show", "numbers/best"], 1, "no version of numbers is labelled 'best'"),
        (["show", "numbers/0"], 2, "'0' is no version"),
        (["show", "../etc"], 2, "cannot name a model"),
        (["show"], 2, "NAME"),
        (["versions", "letters"], 1, "there is no model 'letters'"),
        (["history", "letters"], 1, "there is no model 'letters'"),
        (["verify", "letters"], 1, "there is no model 'letters'"),
        (["models", "numbers"], 2, "unrecognized arguments"),
        (["promote", "numbers", "9"], 1, "no version numbers/9"),
        (["promote", "numbers", "two"], 2, "'two' is no version"),
        (["promote", "numbers", "2", "--label", "7"], 2, "cannot be a version label"),
        (["rollback", "numbers"], 1, "never named another version"),
        (["gc", "letters"], 1, "there is no model 'letters'"),
        (["gc", "--keep", "0"], 2, "--keep must be at least 1"),
    ],
)  # fmt: skip
def test_a_failure_is_one_sentence_and_a_status(easel, arguments, status, complaint):
    told = easel(*arguments)
    assert told.status == status
    assert told.out == ""
    with pytest.raises(AssertionError, match=complaint):
        raise AssertionError(told.error)


def test_whole_versions_are_verified_and_altered_ones_are_told(easel, store):
    assert easel("verify").status == 0
    (store.root / "numbers" / "2" / "model.onnx").write_bytes(b"other")
    assert easel("verify", "numbers/1").status == 0
    told = easel("verify", "numbers", "--json")
    assert told.status == 1
    found = told.value["versions"]
    assert [bool(each["problem"]) for each in found] == [False, True, False]
    assert "model.onnx was altered" in easel("verify", "numbers/2").out


def test_the_bundled_model_is_whole_and_shown_whatever_the_environment(easel):
    assert easel("verify", place=str(BUNDLED_STORE)).status == 0
    assert "parity               passed" in easel("show", "numbers", place=str(BUNDLED_STORE)).out


def test_a_folder_may_be_named_by_its_url(easel, store):
    assert easel("versions", "numbers", place=f"file://{store.root}").status == 0


def test_a_store_in_an_unknown_place_is_a_wrong_use(easel):
    told = easel("models", place="nope://bucket")
    assert told.status == 2
    assert "nope://bucket cannot be opened" in told.error


def test_the_history_is_listed_with_damaged_lines_told(easel, store):
    assert "nothing was promoted yet" in easel("history", "numbers").out
    easel("promote", "numbers", "1", "--actor", "ana", "--reason", "first\ntry")
    with (store.root / "numbers" / "history.jsonl").open("ab") as file:
        file.write(b"oops\n")
    easel("rollback", "numbers")
    easel("promote", "numbers", "3", "--actor", "bo")
    told = easel("history", "numbers")
    assert "line 2 cannot be read" in told.error
    first, second, third = told.out.splitlines()
    assert first.split() == ["change", "time", "actor", "action", "label", "from", "to", "reason"]
    assert second.split()[2:] == ["ana", "promote", "stable", "-", "1", r"first\ntry"]
    assert third.split()[2:] == ["bo", "promote", "stable", "1", "3"]
    value = easel("history", "numbers", "--json").value
    assert value["damaged_lines"] == [2]
    assert [change["to"] for change in value["changes"]] == [1, 3]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (10**16, "10000.0 TB")],
)
def test_a_size_is_told_in_words(count, text):
    assert size(count) == text
