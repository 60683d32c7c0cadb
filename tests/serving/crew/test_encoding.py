"""What goes between the processes comes out as it went in."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import EaselError, Overloaded, ServableNotFound
from model_store.spec import ModelVersion
from serving.api.calls import ModelRef
from serving.api.regions import Region
from serving.crew import encoding
from serving.crew.encoding import Wanted
from serving.crew.report import Report
from serving.engine.deployment import All, Latest, ModelConfig, Specific
from serving.engine.statistics import Spent, Statistics
from serving.engine.status import LoadCounts, State, VersionStatus

# Half of a pair of surrogates is no text that a name, path or message can hold.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(0, 2**63 - 1)
paths = st.builds(Path, texts.filter(lambda text: "\0" not in text))
policies = (
    st.builds(Latest, numbers) | st.builds(All) | st.builds(Specific, st.lists(numbers).map(tuple))
)
configs = st.builds(
    ModelConfig,
    texts,
    paths,
    policies,
    st.none() | st.dictionaries(texts, numbers),
    st.booleans(),
)
lists = st.none() | st.lists(configs, max_size=3).map(tuple)
models = st.builds(ModelVersion, texts, numbers)
spent = st.builds(Spent, numbers, numbers)
statistics = st.builds(
    Statistics,
    *([numbers] * 3),
    *([spent] * 4),
    st.dictionaries(numbers, spent, max_size=3),
)
loads = st.builds(LoadCounts, *([numbers] * 5), st.floats(0, 1e9))


@st.composite
def reports(draw: st.DrawFn) -> Report:
    names = draw(st.lists(texts, max_size=3, unique=True))
    states = st.lists(st.tuples(numbers, st.sampled_from(State), texts), max_size=3)
    return Report(
        draw(st.booleans()),
        draw(st.booleans()),
        tuple(names),
        {
            name: tuple(
                VersionStatus(ModelVersion(name, number), state, error)
                for number, state, error in draw(states)
            )
            for name in names
        },
        draw(st.dictionaries(models, statistics, max_size=2)),
        draw(st.dictionaries(models, numbers, max_size=2)),
        draw(st.dictionaries(texts, loads, max_size=2)),
        draw(st.dictionaries(texts, texts, max_size=2)),
        draw(st.dictionaries(texts, st.floats(0, 1e9), max_size=2)),
    )


def sent(data: object) -> object:
    """What the other end reads."""
    (line,) = encoding.to_line({"data": data}).splitlines()
    return json.loads(line)["data"]


regions = st.builds(Region, texts, texts, st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))


@given(
    st.builds(
        Wanted, lists, lists, st.lists(texts).map(tuple), st.lists(regions, max_size=3).map(tuple)
    )
)
def test_what_is_wanted_arrives(wanted):
    assert encoding.decode_wanted(sent(encoding.encode_wanted(wanted))) == wanted


@given(reports())
def test_a_report_arrives(report):
    assert encoding.decode_report(sent(encoding.encode_report(report))) == report


@given(st.builds(ModelRef, texts, st.none() | numbers, st.none() | texts))
def test_a_reference_arrives(ref):
    assert encoding.decode_ref(sent(encoding.encode_ref(ref))) == ref


def test_a_failure_is_of_its_kind_again_and_says_whose_it_is():
    for error in (ServableNotFound("no a"), Overloaded("full"), EaselError("oh")):
        found = encoding.decode_error(sent(encoding.encode_error(error)), "worker 2: ")
        assert type(found) is type(error)
        assert str(found) == f"worker 2: {error}"
