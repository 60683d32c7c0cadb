"""Which versions a policy wants."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.engine.deployment import All, Latest, ModelConfig, Specific, wanted_versions


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (Latest(), (9,)),
        (Latest(2), (4, 9)),
        (Latest(7), (1, 4, 9)),
        (Latest(0), ()),
        (All(), (1, 4, 9)),
        (Specific((4, 1, 5)), (1, 4)),
        (Specific(()), ()),
    ],
)
def test_a_policy_chooses_among_the_versions_on_disk(policy, wanted):
    config = ModelConfig("numbers", Path("models/numbers"), policy)
    assert wanted_versions(config, (1, 4, 9)) == wanted
