"""One set of calls for Triton's four clients: gRPC and HTTP, sync and aio.

Their methods have the same names; the aio ones are awaited.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from report import Report
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

ROW = np.array([[1, 2, 3, 4]], np.float32)


@dataclass(frozen=True)
class Kit:
    """A client, and its module's way to describe tensors."""

    report: Report
    module: ModuleType
    client: Any
    is_http: bool

    def tensor(self, name: str, array: np.ndarray, *, binary: bool = True) -> Any:
        """An input; over HTTP as JSON unless *binary*."""
        made = self.module.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
        if self.is_http:
            made.set_data_from_numpy(array, binary_data=binary)
        else:
            made.set_data_from_numpy(array)
        return made

    def outputs(self, *names: str, binary: bool = True) -> list[Any]:
        """Wanted outputs; over HTTP as JSON unless *binary*."""
        if self.is_http:
            return [self.module.InferRequestedOutput(name, binary_data=binary) for name in names]
        return [self.module.InferRequestedOutput(name) for name in names]

    async def infer(self, model: str, inputs: Sequence[Any], **options) -> Any:
        """The client's answer."""
        return await settle(self.client.infer(model, list(inputs), **options))

    async def row(self, model: str = "add", **options) -> Any:
        """The answer to one row."""
        return await self.infer(model, [self.tensor("x", ROW)], **options)

    async def ask(self, method: str, *arguments, **options) -> Any:
        """What any other method answers, as JSON."""
        if not self.is_http and method.startswith("get_"):
            options["as_json"] = True
        return await settle(getattr(self.client, method)(*arguments, **options))


async def settle(value: Any) -> Any:
    """The value, awaited where it must be."""
    return await value if inspect.isawaitable(value) else value


@asynccontextmanager
async def refused(status: str, text: str):
    """The call must fail with this status, and *text* in its message."""
    try:
        yield
    except InferenceServerException as error:
        assert status in str(error.status()), f"{error.status()} {error.message()}"
        assert text in error.message(), error.message()
        return
    raise AssertionError("the call succeeded")


def response(answer: Any) -> dict[str, Any]:
    """The answer's fields that both protocols have."""
    made = answer.get_response()
    if isinstance(made, dict):
        return made
    return {"model_name": made.model_name, "model_version": made.model_version, "id": made.id}
