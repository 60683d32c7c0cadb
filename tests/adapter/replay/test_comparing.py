"""Counting, without a server."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapter.feedback.reading import Passed
from adapter.feedback.records import encode_line
from adapter.replay.cases import Answer, Case, read_cases, read_rights
from adapter.replay.comparing import Outcome, compare, how_bad
from adapter.replay.pictures import kind_of, save_picture, to_page
from adapter.replay.report import Report, facts, to_json
from model_store.spec import ModelVersion
from tests.adapter.feedback.logs import WHEN, record

_labels = st.sampled_from(["3", "8", "<b>", "고양이", "../x"])
_answers = st.builds(
    Answer, label=_labels, score=st.none() | st.floats(0, 1), version=st.integers(0, 3)
)
_outcomes = st.builds(
    Outcome,
    case=st.builds(
        Case,
        record=st.just(record(image=b"\x89PNG")),
        logged=st.none(),
        right=st.none() | _labels,
    ),
    before=st.none() | _answers,
    after=st.none() | _answers,
    failure=st.just(""),
)


@given(st.lists(_outcomes, max_size=30), st.integers(0, 5))
def test_every_picture_is_counted_once_and_the_worst_are_the_worst(outcomes, most):
    result = compare(outcomes, most)
    counted = result.compared + result.alone.total() + result.failures.total()
    assert counted == len(outcomes)
    assert result.called.total() == result.compared
    differing = [one for one in outcomes if one.disagrees]
    assert result.disagreed == len(differing)
    badness = sorted((how_bad(one.before, one.after) for one in differing), reverse=True)
    kept = [how_bad(one.before, one.after) for one in result.worst_first]
    assert kept == badness[:most]
    judged = [one for one in outcomes if one.case.right and one.before and one.after]
    assert result.rights.count == len(judged)


@given(st.lists(_outcomes, max_size=10))
def test_any_result_can_be_shown(outcomes):
    report = Report(ModelVersion("m", 2), None, compare(outcomes, 3), Passed(1, 1, 1), 0.0)
    assert to_json(report)["compared"] == report.result.compared
    assert dict(facts(report))["pictures"]
    assert "<b>" not in to_page(report)


def test_of_several_corrections_the_last_counts(tmp_path):
    log = tmp_path / "log.jsonl"
    said = [("8", 5), ("3", 9), ("1", 2)]
    lines = [
        record("r1", kind="feedback", label=label, time=WHEN.replace(second=second))
        for label, second in said
    ]
    log.write_bytes(b"".join(map(encode_line, [record("r1", image=b"x"), *lines])))
    assert read_rights(log) == {"r1": "3"}
    (case,) = read_cases(log, "numbers", Passed())
    assert (case.right, case.logged) == ("3", Answer("3", None, 1))


def test_a_score_that_is_no_number_is_none(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_bytes(
        encode_line(record("a", image=b"x", answer={"score": True}))
        + encode_line(record("b", image=b"x", answer={"score": "high"}))
        + encode_line(record("c", image=b"x", answer={"score": 1}))
        + encode_line(record("no picture"))
    )
    scores = [case.logged.score for case in read_cases(log, "numbers", Passed())]
    assert scores == [None, None, 1]


_names = st.text(max_size=300) | st.text("고양이../", min_size=80, max_size=300)


@given(_names, _names)
def test_no_label_and_no_id_leads_out_of_the_folder(tmp_path_factory, label, request_id):
    folder = tmp_path_factory.mktemp("save")
    case = Case(record(request_id, image=b"GIF89a"), None, None)
    outcome = Outcome(case, Answer(label, 1.0, 1), Answer("3", 1.0, 2))
    path = save_picture(folder, outcome)
    assert path.parent == folder
    assert path.read_bytes() == b"GIF89a"


def test_what_a_page_shows_is_a_picture_of_pixels():
    assert kind_of(b"<svg xmlns='http://www.w3.org/2000/svg'/>") is None
    assert kind_of(b"\x00\x00\x00\x20ftypavif") == "avif"
