"""The proof that travels with a version: ``parity.json``, written and read.

``docs/parity.md`` says what each key means.  Numbers that JSON does not have (an infinite
difference) are null.  ``model_store`` reads ``passed`` and nothing else.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from math import inf, isfinite
from pathlib import Path
from typing import Any

from export.parity import tolerance as tolerances
from export.parity.measure import OutputParity
from export.parity.tolerance import Tolerances
from model_store.errors import BadVersion

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where an exported graph goes another way than its source.

    Attributes:
        layer: The first layer of the source whose output the graph does not have.
        op_type: Of the ONNX node that first computes something else; empty if none stands out.
        node: Its name.
        tensor: What it gives.
        max_abs_error: Between the layer and the tensor; inf where they cannot be compared.
        last_equal: The layer before, which the graph still has; empty if there is none.
        operations: Types of the nodes from there to the tensor.
    """

    layer: str
    op_type: str = ""
    node: str = ""
    tensor: str = ""
    max_abs_error: float = inf
    last_equal: str = ""
    operations: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"layer {self.layer}"
        if self.op_type:
            where += f", {self.op_type} node {self.node or self.tensor}"
        if isfinite(self.max_abs_error):
            where += f", is off by {self.max_abs_error:.3g}"
        return where + (f" (equal up to {self.last_equal})" if self.last_equal else "")


@dataclass(frozen=True, slots=True)
class ParityReport:
    """Every output of both models compared, and what they were compared on.

    Attributes:
        tolerance: What counted as equal.
        samples: What the inputs were, for people.
        outputs: One entry for an output at a batch size.
        seed: Of the inputs that were drawn; None where there were none.
        notes: What a person should know of, one sentence each.
        versions: Of every library that took part, by distribution name.
        divergence: Where a failed graph goes another way, if that was found.
    """

    tolerance: Tolerances
    samples: str
    outputs: tuple[OutputParity, ...]
    seed: int | None = None
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    divergence: Divergence | None = None

    @property
    def passed(self) -> bool:
        """Whether every output agrees at every batch size, and there was something to compare.

        An output that was nothing but NaN, wherever it was compared, proves nothing.
        """
        numbers = {output.name: 0 for output in self.outputs}
        for output in self.outputs:
            numbers[output.name] += output.elements - output.nan_source
        empty = {output.name for output in self.outputs if not output.elements}
        is_proven = all(count or name in empty for name, count in numbers.items())
        return bool(self.outputs) and is_proven and all(output.passed for output in self.outputs)

    @property
    def max_abs_error(self) -> float:
        """The largest difference of all."""
        return max((output.max_abs_error for output in self.outputs), default=inf)

    def to_json(self) -> dict[str, Any]:
        """The object for ``parity.json``."""
        return {
            "schema": SCHEMA,
            "passed": self.passed,
            "max_abs_error": _number(self.max_abs_error),
            "samples": self.samples,
            "seed": self.seed,
            "tolerance": self.tolerance.to_json(),
            "notes": list(self.notes),
            "divergence": self.divergence and _object(self.divergence),
            "versions": dict(sorted(self.versions.items())),
            "outputs": [_object(output) for output in self.outputs],
        }


def write_report(report: ParityReport, path: Path) -> None:
    """Write ``parity.json``."""
    text = json.dumps(report.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_report(path: Path) -> ParityReport:
    """Read a ``parity.json``; those of before the schema had a number are read too.

    Raises:
        BadVersion: It cannot be read, is no report, or contradicts itself.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        report = from_json(value)
        is_told = value["passed"] is report.passed
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise BadVersion(f"{path} is not a parity report: {error!r}") from error
    if not is_told:
        raise BadVersion(f"{path} says passed: {value['passed']}, and its outputs say otherwise")
    return report


def from_json(value: Mapping[str, Any]) -> ParityReport:
    """Read what :meth:`ParityReport.to_json` wrote; keys it does not know are left out.

    Raises:
        ValueError, TypeError, LookupError, AttributeError: It is no such object.
    """
    if value.get("schema", 0) > SCHEMA:
        raise ValueError(f"schema {value['schema']} is newer than this Easel; update it")
    found = value.get("divergence")
    return ParityReport(
        tolerance=tolerances.from_json(value["tolerance"]),
        samples=value["samples"],
        outputs=tuple(_output(output) for output in value["outputs"]),
        seed=value.get("seed"),
        notes=tuple(value.get("notes", ())),
        versions=dict(value.get("versions", {})),
        divergence=found and _divergence(found),
    )


def own_versions() -> dict[str, str]:
    """Of what compares: Easel, numpy, ONNX Runtime, Pillow, Python and the machine."""
    named = {name: version(name) for name in ("easel", "numpy", "onnxruntime", "pillow")}
    return named | {"python": platform.python_version(), "machine": platform.machine()}


def _divergence(value: Mapping[str, Any]) -> Divergence:
    known = _known(Divergence, value)
    return Divergence(**{**known, "operations": tuple(value.get("operations", ()))})


def _output(value: Mapping[str, Any]) -> OutputParity:
    if "agrees" not in value:
        return OutputParity(**_known(OutputParity, value))
    # A first report: one flag, and the winners beside it.
    passed = value["agrees"] and value["rows"] > 0 and value["top1_agreement"] in (None, 1.0)
    known = _known(OutputParity, {**value, "passed": passed, "elements": value["rows"]})
    return OutputParity(**{"max_rel_error": inf, **known})


def _known(kind: type[Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """What *kind* has of *value*; a null where only a number can be was an infinite one."""
    errors = ("max_abs_error", "max_rel_error")
    return {
        item.name: inf if item.name in errors and value[item.name] is None else value[item.name]
        for item in fields(kind)
        if item.name in value
    }


def _object(item: Any) -> dict[str, Any]:
    return {name: _number(value) for name, value in asdict(item).items()}


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value
