"""Which servables there are, and running them.  Knows no protocol and no transport."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum

from model_store.errors import (
    EaselError,
    ServableNotFound,
    ServableNotReady,
    SignatureNotFound,
    TensorMismatch,
)
from model_store.spec import ModelVersion, Signature
from model_store.store import Store
from serving.api.calls import Answer, ModelRef, Prediction, Tensors, dtype_name
from serving.engine.servable import LoadOptions, Servable, load

logger = logging.getLogger(__name__)


class State(Enum):
    """Where a version is in its life."""

    LOADING = "loading"
    AVAILABLE = "available"
    END = "end"


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version's state; *error* says why it ended, if it failed."""

    model: ModelVersion
    state: State
    error: str = ""


class Missing(Enum):
    """Why there is no servable for a reference."""

    YET = "servable yet"
    MODEL = "model"
    VERSION = "version"
    LABEL = "label"
    LABELLED_VERSION = "labelled version"


class Engine:
    """The servables of one store.  Everything but loading happens on one event loop."""

    def __init__(self, store: Store, options: LoadOptions) -> None:
        self._store = store
        self._options = options
        self._executor = ThreadPoolExecutor(options.limits.lanes, thread_name_prefix="session")
        self._servables: dict[str, dict[int, Servable]] = {}
        self._labels: dict[str, Mapping[str, int]] = {}
        self._statuses: dict[str, dict[int, VersionStatus]] = {}
        self._has_loaded = False
        self._is_draining = False

    async def load_all(self) -> None:
        """Load of each model the newest version that can be, and what its labels name.

        A version that fails is reported in ``statuses`` and the log; the next older one
        takes its place, so that one bad export does not end a service.
        """
        for name in self._store.models():
            try:
                self._labels[name] = self._store.version_labels(name)
            except EaselError as error:
                logger.error("%s", error)
                self._labels[name] = {}
            for number in reversed(self._store.versions(name)):
                if await self._load(ModelVersion(name, number)):
                    break
            for number in sorted(set(self._labels[name].values())):
                if number not in self._statuses.get(name, {}):
                    await self._load(ModelVersion(name, number))
        self._has_loaded = True

    async def _load(self, model: ModelVersion) -> bool:
        statuses = self._statuses.setdefault(model.name, {})
        statuses[model.number] = VersionStatus(model, State.LOADING)
        loop = asyncio.get_running_loop()
        try:
            servable = await loop.run_in_executor(
                self._executor, load, self._store, model, self._options, self._executor
            )
        except Exception as error:  # one bad version must not end the others' service
            is_ours = isinstance(error, EaselError)
            logger.error("%s is not served: %s", model, error, exc_info=not is_ours)
            statuses[model.number] = VersionStatus(model, State.END, str(error))
            return False
        self._servables.setdefault(model.name, {})[model.number] = servable
        statuses[model.number] = VersionStatus(model, State.AVAILABLE)
        logger.info("%s is ready", model)
        return True

    def find(self, ref: ModelRef) -> Servable | Missing:
        """The servable for a reference, or why there is none.

        Without version and label it is the version labelled ``stable``, else the newest.
        While the models load, nobody can say of one that it will not be there.
        """
        found = self._find(ref)
        return Missing.YET if isinstance(found, Missing) and not self._has_loaded else found

    def _find(self, ref: ModelRef) -> Servable | Missing:
        versions = self._servables.get(ref.name)
        if not versions:
            return Missing.MODEL
        labels = self._labels.get(ref.name, {})
        if ref.version is not None:
            return versions.get(ref.version, Missing.VERSION)
        if ref.label is not None:
            if ref.label not in labels:
                return Missing.LABEL
            return versions.get(labels[ref.label], Missing.LABELLED_VERSION)
        return versions.get(labels.get("stable", 0)) or versions[max(versions)]

    async def infer(
        self, servable: Servable, prediction: Prediction, deadline: float | None
    ) -> Answer:
        """Run one signature once.

        Args:
            servable: From ``find``.
            prediction: Its model reference is not looked at again.
            deadline: On the event loop's clock.

        Raises:
            SignatureNotFound: The model has no such signature.
            TensorMismatch: Inputs or wanted outputs are not the signature's.
            Overloaded: The queue is full.
            DeadlineExceeded: The deadline passed before the run began.
        """
        signature = servable.manifest.signatures.get(prediction.signature)
        if signature is None:
            raise SignatureNotFound(f"{servable.model} has no signature {prediction.signature!r}")
        check_inputs(signature, prediction.inputs)
        names = wanted_outputs(signature, prediction.outputs)
        batcher = servable.batchers[prediction.signature]
        results, timing = await batcher.run(prediction.inputs, names, deadline, prediction.priority)
        return Answer(servable.model, dict(zip(names, results, strict=True)), timing)

    def statuses(self, name: str) -> tuple[VersionStatus, ...]:
        """Every version of a model that was tried, ascending; empty when it is unknown."""
        return tuple(status for _, status in sorted(self._statuses.get(name, {}).items()))

    def models(self) -> tuple[str, ...]:
        """Names of the models that were found in the store."""
        return tuple(self._statuses)

    def drain(self) -> None:
        """Be ready no more; calls are still answered."""
        self._is_draining = True

    @property
    def is_ready(self) -> bool:
        """Whether loading is done, there is a model, each has a servable, and no drain began."""
        return (
            self._has_loaded
            and not self._is_draining
            and bool(self._statuses)
            and all(self._servables.get(name) for name in self._statuses)
        )

    def close(self) -> None:
        """End the threads and free the models; runs that have begun may fail."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        for versions in self._servables.values():
            for servable in versions.values():
                servable.close()


def require(found: Servable | Missing, ref: ModelRef) -> Servable:
    """Give back the servable.

    Raises:
        ServableNotFound: There is none.
        ServableNotReady: There may be one, when the server has started.
    """
    if found is Missing.YET:
        raise ServableNotReady(f"{ref} is not ready: the server is loading its models; try again")
    if isinstance(found, Missing):
        raise ServableNotFound(f"no servable {ref}: unknown {found.value}")
    return found


def check_inputs(signature: Signature, inputs: Tensors) -> None:
    """Check names, dtypes, shapes, and that the batch axes are equally long.

    Raises:
        TensorMismatch: Something does not fit; the message says what.
    """
    if len(inputs) != len(signature.inputs) or any(
        [spec.name not in inputs for spec in signature.inputs]
    ):
        wanted = ", ".join(str(spec) for spec in signature.inputs)
        raise TensorMismatch(f"expected the inputs {wanted}, got {', '.join(inputs) or 'none'}")
    for spec in signature.inputs:
        tensor = inputs[spec.name]
        spec.check(dtype_name(tensor), tensor.shape)
    if len(inputs) > 1 and signature.is_batched and len({len(t) for t in inputs.values()}) > 1:
        raise TensorMismatch("the inputs have batch axes of different lengths")


def wanted_outputs(signature: Signature, names: tuple[str, ...]) -> tuple[str, ...]:
    """The outputs to compute: *names*, or all when there are none.

    Raises:
        TensorMismatch: A name is not the signature's, or is there twice.
    """
    known = tuple([spec.name for spec in signature.outputs])
    if not names:
        return known
    for name in names:
        if name not in known:
            raise TensorMismatch(f"no output {name!r}; there are {', '.join(known)}")
    if len(set(names)) != len(names):
        raise TensorMismatch("an output is asked for twice")
    return names
