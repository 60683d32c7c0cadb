"""The document as text, for many readers."""

from __future__ import annotations

import json

from adapter.http.docs import Written


def test_readers_within_a_second_share_one_and_then_it_is_made_anew():
    now, made = [0.0], []

    def make(root):
        made.append(root)
        return {"root": root, "number": len(made)}

    written = Written(make, lambda: now[0])
    assert [json.loads(written.text("/"))["number"] for _ in range(3)] == [1, 1, 1]
    assert json.loads(written.text("/mounted")) == {"root": "/mounted", "number": 2}
    now[0] = 1.1
    assert json.loads(written.text("/"))["number"] == 3
