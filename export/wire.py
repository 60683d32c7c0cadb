"""What travels to the served model, and how the source's own input comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from export.graph import prelude as preludes
from export.scaling import Scaling
from export.sources.source import Description, Prelude, Source
from export.tensors import Tensors
from model_store.contract import CHANNELS, ImageContract
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec

_IMAGE_AXES = 4


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
    description: Description, signature: str, contract: ImageContract | None, scaling: Scaling
) -> Wire:
    """Fit the input contract to a signature.

    Raises:
        ExportRefused: The signature takes no such picture.
    """
    own = description.signatures[signature]
    if contract is None:
        return Wire(signature, own, None)
    if len(own.inputs) != 1:
        raise ExportRefused(
            f"it has {len(own.inputs)} inputs ({_names(own)}); one picture is one input: leave "
            "the input contract away, and send tensors"
        )
    (spec,) = own.inputs
    is_first = _is_channels_first(spec, contract)
    if is_first is None:
        raise ExportRefused(
            f"the model takes {_axes(spec)}, the input contract gives {list(contract.shape)}; "
            "change --size or --mode"
        )
    numbers = scaling.of_channels(CHANNELS[contract.mode])
    prelude = Prelude(
        contract.tensor, spec.name, contract.size, numbers.scale, numbers.offset, is_first
    )
    return Wire(signature, own, prelude)


def _names(own: Signature) -> str:
    return ", ".join(spec.name for spec in own.inputs)


def _axes(spec: TensorSpec) -> str:
    if spec.shape is None:
        return "a tensor of any shape"
    return str([axis if axis is not None else "?" for axis in spec.shape[1:]])


def _is_channels_first(spec: TensorSpec, contract: ImageContract) -> bool | None:
    """Which order of axes the input wants; None if it fits in neither."""
    height, width, channels = contract.shape
    batch = spec.shape[0] if spec.shape else None
    rows = 1 if batch is None else batch
    if spec.shape is None or spec.fits((rows, height, width, channels)):
        return False
    if spec.fits((rows, channels, height, width)):
        return True
    # A row of pixels, or grey pictures without an axis for their one channel.
    flat = ((rows, height * width * channels), (rows, height, width))
    is_flat = spec.fits(flat[0]) or (channels == 1 and spec.fits(flat[1]))
    return False if is_flat and len(spec.shape) < _IMAGE_AXES else None


def describe_row(tensor: NDArray[Any]) -> str:
    """``uint8[8, 8, 1]``: a row's dtype and axes, for messages."""
    return f"{tensor.dtype}{list(tensor.shape)}"


def by_signature(wire: Wire) -> Mapping[str, Prelude]:
    """The preludes of a SavedModel whose other signatures stay as they are."""
    return {} if wire.prelude is None else {wire.signature: wire.prelude}
