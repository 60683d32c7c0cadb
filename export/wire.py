"""What travels to the served model, and how the source's own input comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from export.graph import prelude as preludes
from export.scaling import Scaling
from export.sources.source import Description, Prelude, Source
from export.tensors import Tensors
from export.wiring import Layout, prelude_for
from model_store.contract import ImageContract
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec


@dataclass(frozen=True, slots=True)
class Wire:
    """One signature of a source, and what stands before its input.

    Attributes:
        signature: The signature's name.
        own: What the source itself takes and gives.
        prelude: What is put into the exported graph; None if tensors travel as they are.
    """

    signature: str
    own: Signature
    prelude: Prelude | None

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What the exported model takes."""
        if self.prelude is None:
            return self.own.inputs
        batch = self._fed.shape[0] if self._fed.shape else None
        shape = (batch, *self.prelude.size, len(self.prelude.scale))
        return (TensorSpec(self.prelude.tensor, "uint8", shape),)

    def to_source(self, tensors: Tensors) -> Tensors:
        """The source's own inputs out of wire tensors, as its author would compute them."""
        if self.prelude is None:
            return tensors
        pixels = tensors[self.prelude.tensor]
        return {self.prelude.input: preludes.apply(self.prelude, pixels, self._fed)}

    def reference(self, source: Source) -> Callable[[Tensors], Tensors]:
        """The source's own path, from wire tensors to outputs."""
        return lambda tensors: source.run(self.signature, self.to_source(tensors))

    @property
    def _fed(self) -> TensorSpec:
        assert self.prelude is not None
        return next(spec for spec in self.own.inputs if spec.name == self.prelude.input)


def choose_signature(description: Description, wanted: str) -> str:
    """The signature that is meant.

    Raises:
        ExportRefused: There is none of that name, or several and none is the usual one.
    """
    names = description.signatures
    if wanted:
        if wanted not in names:
            raise ExportRefused(f"--signature {wanted}: there are {', '.join(sorted(names))}")
        return wanted
    if DEFAULT_SIGNATURE in names:
        return DEFAULT_SIGNATURE
    if len(names) == 1:
        return next(iter(names))
    raise ExportRefused(f"name one of its signatures with --signature: {', '.join(sorted(names))}")


def make_wire(
    own: Signature,
    signature: str,
    contract: ImageContract | None,
    scaling: Scaling,
    layout: Layout | None = None,
) -> Wire:
    """Fit the input contract to a signature.

    Args:
        own: What the source itself takes and gives.
        signature: The signature's name.
        contract: How a picture becomes the wire tensor; None if tensors travel as they are.
        scaling: What is put into the graph.
        layout: The source's order of axes; None to tell it from its shape.

    Raises:
        ExportRefused: The signature takes no such picture.
    """
    if contract is None:
        return Wire(signature, own, None)
    if len(own.inputs) != 1:
        raise ExportRefused(
            f"it has {len(own.inputs)} inputs ({_names(own)}); one picture is one input: leave "
            "the input contract away, and send tensors"
        )
    (spec,) = own.inputs
    if not _takes(spec, contract):
        raise ExportRefused(
            f"the model takes {_axes(spec)}, the input contract gives {list(contract.shape)}; "
            "change --size or --mode"
        )
    prelude = prelude_for(contract, spec, scaling.scale, scaling.offset, layout)
    return Wire(signature, own, prelude)


def _names(own: Signature) -> str:
    return ", ".join(spec.name for spec in own.inputs)


def _axes(spec: TensorSpec) -> str:
    if spec.shape is None:
        return "a tensor of any shape"
    return str([axis if axis is not None else "?" for axis in spec.shape[1:]])


def _takes(spec: TensorSpec, contract: ImageContract) -> bool:
    """Whether the contract's pictures fit, in either order of axes."""
    height, width, channels = contract.shape
    rows = 1 if not spec.shape or spec.shape[0] is None else spec.shape[0]
    shapes: list[tuple[int, ...]] = [
        (rows, height, width, channels),
        (rows, channels, height, width),
        (rows, height * width * channels),
    ]
    if channels == 1:
        shapes.append((rows, height, width))
    return any(spec.fits(shape) for shape in shapes)
