"""Where a failed graph goes another way than its source: the first layer it does not have.

The source tells what each of its layers computes; the graph is run with every tensor in
the open.  A tensor that holds the numbers of a layer is equal up to there.  Going back
from a wrong output, the search ends where everything is equal; the node there is the
first that computes something else.  A layer that the converter merged with the next one is
missing too and is no divergence: what follows it is equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.parity.matching import appearances, distance, is_telling, known
from export.parity.measure import compare_output
from export.parity.report import Divergence
from export.parity.taps import Node, Tapped, run_tapped
from export.parity.tolerance import EXACT, STANDARD, Tolerances
from export.tensors import Tensors

# Rounding grows from layer to layer; where it comes near the tolerance is not the place.
_FACTORS = (3.0, 1.0)
_SCOPE_NUMBER = re.compile(r"_\d+$")


@dataclass(frozen=True, slots=True)
class Witness:
    """What the source computes for one call.

    Attributes:
        inputs: Its own inputs, after any scaling.
        outputs: By the names that the graph has for them.
        layers: Of each layer, in order: its name and its outputs, the main one first.
    """

    inputs: Tensors
    outputs: Tensors
    layers: Iterable[tuple[str, Tensors]]


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """A layer and the graph's tensors that hold its output."""

    name: str
    output: NDArray[Any]
    tensors: frozenset[str]

    @property
    def word(self) -> str:
        """What a converter may have kept of the name.

        That is ``conv`` of ``encoder/conv``, of ``conv#2`` (its second call) and of ``0.block: conv``.
        """
        return self.name.rsplit(": ", 1)[-1].rsplit("/", 1)[-1].partition("#")[0]


def find_divergence(
    graph: Path, feeds: Tensors, witness: Witness, tolerances: Tolerances = STANDARD
) -> Divergence | None:
    """Find the first layer whose output *graph* does not compute.

    Args:
        graph: The exported ONNX file.
        feeds: Wire tensors of a call that fails: ``evidence.failing``.
        witness: What the source computes for the same call.
        tolerances: What counts as equal.

    Returns:
        None if the source cannot look inside itself, the graph cannot be run, or every
        output is equal after all.
    """
    try:
        tapped = run_tapped(graph, feeds)
    except Exception:  # ONNX Runtime's exceptions have no common base
        return None
    wrong = _wrong_outputs(witness.outputs, tapped, tolerances)
    layers = list(witness.layers)
    if not wrong or not layers:
        return None
    found = None
    for factor in _FACTORS:
        witnessed = replace(witness, layers=layers)
        found, is_missing = _search(witnessed, tapped, wrong, tolerances.widened(factor))
        if is_missing:
            break
    return found


def _search(
    witness: Witness, tapped: Tapped, wrong: Sequence[str], tolerances: Tolerances
) -> tuple[Divergence | None, bool]:
    """The first layer that the graph does not have by *tolerances*.

    Returns:
        What is known of it, and whether it is missing indeed: if none is, it is what comes
        after the last that is to blame.
    """
    layers = _layers(witness, tapped, tolerances)
    equal = frozenset[str]().union(*(layer.tensors for layer in layers))
    region = _region(tapped, wrong, equal - set(wrong))
    begins = [node for node in region if not _computed_inputs(node, tapped) - equal]
    blames = [_blame(layers, node, region, tapped) for node in begins or region[:1]]
    if not blames:
        return None, False
    before, layer, _ = min(blames, key=lambda blame: layers.index(blame[1]))
    # Attention begins in three places at once, in whatever order the converter wrote them.
    first = [node for _, blamed, node in blames if blamed is layer]
    others = {one.word for one in layers} - {layer.word}
    path, is_whole = _path(first, region, others, tapped)
    return _describe((before, layer), path, tapped, is_whole=is_whole), not layer.tensors


def _layers(witness: Witness, tapped: Tapped, tolerances: Tolerances) -> list[_Layer]:
    """The source's inputs as one layer, and every layer whose output can be recognised."""
    tensors = known(tapped.values)
    found = [
        _Layer("", np.zeros(0), frozenset().union(*(
            _held(tensor, tensors, tolerances)
            for tensor in witness.inputs.values() if is_telling(tensor)
        )))
    ]  # fmt: skip
    for name, outputs in witness.layers:
        for output in list(outputs.values())[:1]:
            if is_telling(output):
                held = _held(output, tensors, tolerances)
                found.append(_Layer(name, output, frozenset(held)))
    return found


def _held(output: NDArray[Any], tensors: Any, tolerances: Tolerances) -> set[str]:
    tolerance = tolerances.of(output.dtype.name) if output.dtype.kind not in "iub" else EXACT
    return appearances(output, tensors, tolerance)


def _wrong_outputs(want: Tensors, tapped: Tapped, tolerances: Tolerances) -> list[str]:
    return [
        name
        for name in tapped.outputs
        if not compare_output(name, want.get(name), tapped.values.get(name), tolerances, 1).passed
    ]


def _region(tapped: Tapped, wrong: Sequence[str], equal: frozenset[str]) -> list[Node]:
    """The nodes that a wrong output comes from, back to where everything is equal; in order."""
    suspects = set(wrong)
    found = []
    for node in reversed(tapped.nodes):
        if suspects.intersection(node.outputs):
            found.append(node)
            suspects |= _computed_inputs(node, tapped) - equal
    return found[::-1]


def _computed_inputs(node: Node, tapped: Tapped) -> set[str]:
    return {name for name in node.inputs if tapped.is_computed(name)}


def _blame(
    layers: Sequence[_Layer], node: Node, region: Sequence[Node], tapped: Tapped
) -> tuple[_Layer, _Layer, Node]:
    """The last equal layer before *node*, the layer that it should have computed, and *node*."""
    inputs = _computed_inputs(node, tapped)
    before = max((at for at, layer in enumerate(layers) if layer.tensors & inputs), default=0)
    missing = [at for at, layer in enumerate(layers) if at > before and not layer.tensors]
    missing = missing or [len(layers) - 1]
    words = _words(node, tapped)
    elsewhere = set[str]().union(*(_words(one, tapped) for one in _beside(node, region, tapped)))
    likely = [
        at
        for at in missing
        if layers[at].word in words or not (layers[at].word in elsewhere or _is_merged(layers, at))
    ]
    return layers[before], layers[(likely or missing)[0]], node


def _beside(node: Node, region: Sequence[Node], tapped: Tapped) -> Iterator[Node]:
    """The nodes of other branches, where all is equal: layers that they name are theirs."""
    before, wrong = set(node.inputs), {id(one) for one in region}
    for one in reversed(tapped.nodes):
        if before.intersection(one.outputs):
            before.update(one.inputs)
        elif id(one) not in wrong:
            yield one


def _is_merged(layers: Sequence[_Layer], at: int) -> bool:
    """Whether the converter may have made one operation of this layer and the next."""
    return at + 1 < len(layers) and bool(layers[at + 1].tensors)


def _words(node: Node, tapped: Tapped) -> set[str]:
    """The words in the names of a node and of its weights: converters put the layer's there.

    Keras numbers a scope that it enters again: ``dense_1`` is a word of layer ``dense`` too.
    """
    weights = [name for name in node.inputs if not tapped.is_computed(name)]
    parts = {part for text in (node.name, *node.outputs, *weights) for part in text.split("/")}
    return parts | {_SCOPE_NUMBER.sub("", part) for part in parts}


def _path(
    first: Sequence[Node], region: Sequence[Node], others: set[str], tapped: Tapped
) -> tuple[list[Node], bool]:
    """The *first* nodes and what follows from them, until one bears another layer's name.

    Returns:
        The nodes, and whether there was such a name to end them.
    """
    reached, path = set[str](), list[Node]()
    for node in region:
        is_first = any(node is one for one in first)
        if not is_first and reached.isdisjoint(node.inputs):
            continue
        if not is_first and _words(node, tapped) & others:
            return path, True
        reached.update(node.outputs)
        path.append(node)
    return path, False


def _describe(
    found: tuple[_Layer, _Layer], path: Sequence[Node], tapped: Tapped, *, is_whole: bool
) -> Divergence:
    """What is known of the layer, whose output is what one of *path* should give.

    That is the last of a whole layer; where names do not tell, the one that is nearest.
    """
    before, layer = found
    errors = [
        min(
            (
                distance(layer.output, tapped.values[name])
                for name in step.outputs
                if name in tapped.values
            ),
            default=inf,
        )
        for step in path
    ]
    fitting = [at for at, error in enumerate(errors) if error < inf] or [0]
    at = fitting[-1] if is_whole else min(fitting, key=lambda at: errors[at])
    return Divergence(
        layer=layer.name,
        op_type=path[0].op_type,
        node=path[0].name,
        tensor=path[at].outputs[0],
        max_abs_error=errors[at],
        last_equal=before.name,
        operations=tuple(step.op_type for step in path[: at + 1]),
    )
