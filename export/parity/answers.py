"""One input with both models' answers beside it: a picture, and the classes with their scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.parity.difference import dtype_name
from export.parity.evidence import RowEvidence
from export.parity.html import Html, element, joined
from export.parity.pictures import data_url
from export.parity.words import NONE, number, of_tolerance, percent
from export.tensors import Tensors

MAX_CLASSES = 3
MAX_OUTPUTS = 3
MAX_NUMBERS = 6
MAX_CHARACTERS = 60


def row_card(row: RowEvidence, labels: tuple[str, ...]) -> Html:
    """The card of one row.

    Args:
        row: Inputs and both answers.
        labels: Class labels, for outputs with as many scores.
    """
    urls = [url for tensor in row.inputs.values() if (url := data_url(tensor)) is not None]
    answers = [
        _answer(name, row.want[name], row.got.get(name), labels)
        for name in sorted(row.want)[:MAX_OUTPUTS]
    ]
    off = f"off by {number(row.max_abs_error)}" if row.max_abs_error else "exactly equal"
    if row.excess and row.max_abs_error:
        off += ", " + " ".join(of_tolerance(row.excess))
    return element(
        "div",
        *(element("img", src=url, alt="input") for url in urls[:1]),
        element("div", *([] if urls else [_inputs(row.inputs)]), *answers,
                element("div", off, class_="soft small")),
        class_="card row",
    )  # fmt: skip


def _inputs(inputs: Tensors) -> Html:
    return joined(
        *(
            element("p", element("code", f"{name} = {_few(tensor)}"))
            for name, tensor in sorted(inputs.items())
        )
    )


def _answer(
    name: str, want: NDArray[Any], got: NDArray[Any] | None, labels: tuple[str, ...]
) -> Html:
    if got is None:
        return element("p", element("code", name), " is missing or has another shape")
    is_scores = want.ndim == 1 and len(want) > 1 and "float" in dtype_name(want)
    if is_scores and np.isfinite(want).all() and np.isfinite(got).all():
        return _scores(want.astype(np.float64), got.astype(np.float64), labels)
    return joined(
        element("p", element("code", name), " ", element("code", _few(want))),
        element("p", "exported ", element("code", _few(got)), class_="soft"),
    )


def _scores(want: NDArray[np.float64], got: NDArray[np.float64], labels: tuple[str, ...]) -> Html:
    """The classes with the highest scores in either answer, each with both."""
    first, other = int(want.argmax()), int(got.argmax())
    shown = list(dict.fromkeys([first, other, *np.argsort(-want, kind="stable").tolist()]))
    is_share = want.min() >= 0 and want.max() <= 1 and abs(want.sum() - 1) < 0.01
    low = min(0.0, float(want.min()), float(got.min()))
    high = max(float(want.max()), float(got.max()), low + 1e-12) if not is_share else 1.0
    parts = []
    for at in shown[:MAX_CLASSES]:
        kind = "first" if at == first else ("other" if at == other else "")
        label = labels[at] if len(labels) == len(want) else f"class {at}"
        parts.append(element("div", label, class_=f"name {kind}"))
        for who, side in (("source", want), ("exported", got)):
            share = 100 * (side[at] - low) / (high - low)
            meter = element("i", style=f"width:{share:.1f}%")
            text = percent(side[at]) if is_share else number(side[at])
            parts += [element("div", meter, class_=f"meter {who}"), element("div", text)]
    return element("div", *parts, class_="answer")


def _few(tensor: NDArray[Any]) -> str:
    """The first values, and the shape if there are more."""
    values = tensor.ravel()[:MAX_NUMBERS].tolist()
    texts = [
        value.decode(errors="replace")[:MAX_CHARACTERS]
        if isinstance(value, bytes)
        else (number(value, 5) if isinstance(value, float) else str(value)[:MAX_CHARACTERS])
        for value in values
    ]
    more = f" … {list(tensor.shape)}" if tensor.size > MAX_NUMBERS else ""
    return (", ".join(texts) or NONE) + more
