"""An author's own preprocessing, called as a source is: in the process apart, and only if trusted.

``load(folder, Options(inputs=file names, module="package.module:function", is_trusted=True))``,
then ``run("", {})`` gives what the function makes of each picture, by file name.  The function
takes a path and returns an array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from export.sources.source import Description, Options, Prelude
from export.tensors import Tensors
from model_store.errors import ExportRefused


@dataclass(frozen=True, slots=True)
class ReferenceFunction:
    """What makes the source's input of a picture; a ``Source`` that has no model."""

    name: str
    function: Callable[[str], Any]
    pictures: tuple[Path, ...]

    def describe(self) -> Description:
        """Nothing but its name."""
        return Description({}, 0, {}, route=self.name)

    def run(self, signature: str, inputs: Tensors) -> Tensors:  # noqa: ARG002
        """An array for each picture, by file name."""
        made = {}
        for path in self.pictures:
            tensor = np.asarray(self.function(str(path)))
            if tensor.dtype.kind not in "uif":
                raise ExportRefused(f"--reference {self.name} gives {tensor.dtype}, not numbers")
            made[path.name] = tensor
        return made

    def to_onnx(self, signature: str, folder: Path) -> NoReturn:  # noqa: ARG002
        """Refused."""
        raise ExportRefused("a reference is no model")

    def to_saved_model(self, folder: Path, preludes: Mapping[str, Prelude]) -> NoReturn:  # noqa: ARG002
        """Refused."""
        raise ExportRefused("a reference is no model")

    def layers(self, signature: str, inputs: Tensors) -> Iterator[tuple[str, Tensors]]:  # noqa: ARG002
        """None."""
        return iter(())


def load(path: Path, options: Options) -> ReferenceFunction:
    """Import the function that ``options.module`` names.

    Raises:
        ExportRefused: It is code and not trusted, or there is no such function.
    """
    module, colon, name = options.module.partition(":")
    if not options.is_trusted:
        raise ExportRefused(
            f"--reference {options.module} is code of yours that would be run; add --trust"
        )
    if not colon or not name:
        raise ExportRefused(f"--reference {options.module}: write package.module:function")
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ExportRefused(
            f"--reference {options.module}: {error}; name its folder in PYTHONPATH"
        ) from error
    pictures = tuple(path / picture for picture in options.inputs)
    return ReferenceFunction(options.module, function, pictures)
