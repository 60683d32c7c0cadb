"""Which servables there are, and running them.  Knows no protocol and no transport."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import Enum

from model_store.errors import (
    ServableNotFound,
    ServableNotReady,
    SignatureNotFound,
    TensorMismatch,
)
from model_store.spec import Signature
from model_store.store import Store
from serving.api.calls import Answer, ModelRef, Prediction, Tensors, dtype_name
from serving.engine.deployment import ModelConfig
from serving.engine.fleet import Fleet
from serving.engine.loading import LifecycleOptions, Workshop
from serving.engine.servable import LoadOptions, Servable, load
from serving.engine.status import LoadCounts, State, VersionStatus

__all__ = ["Engine", "Missing", "State", "VersionStatus", "require"]

DEFAULT_LIFECYCLE = LifecycleOptions()
_LOADING = "{} is not ready: the server is loading its models; try again"


class Missing(Enum):
    """Why there is no servable for a reference."""

    YET = "servable yet"
    MODEL = "model"
    VERSION = "version"
    LABEL = "label"
    LABELLED_VERSION = "labelled version"


class Engine:
    """The servables of one store, or of a list of models.  Lives on one event loop."""

    def __init__(
        self,
        store: Store,
        options: LoadOptions,
        lifecycle: LifecycleOptions = DEFAULT_LIFECYCLE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Load nothing yet; *clock* decides when a load that failed is tried again."""
        self._options = options
        self._executor = ThreadPoolExecutor(options.limits.lanes, thread_name_prefix="session")
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self._fleet = Fleet(store, Workshop(self._load, self._loader, lifecycle, clock))
        self._has_loaded = False
        self._is_draining = False

    async def load_all(
        self, configs: Iterable[ModelConfig] | None = None, unloaded: Iterable[str] = ()
    ) -> None:
        """Load what is wanted of these models; without a list, of every model of the store.

        Those named in *unloaded* begin as if ``unload_model`` had been asked of them.

        A version that fails is reported in ``statuses`` and the log; the next older one
        takes its place, so that one bad export does not end a service.  A folder that is
        not there yet is waited for by ``watch``.

        Raises:
            InvalidRequest: Two models of the list have one name.
            EaselError: The store cannot be read.
        """
        self._fleet.want(configs, unloaded)
        await self.look()
        self._has_loaded = True

    async def look(self) -> None:
        """Look at the disk once, and load and unload what is to be.

        Raises:
            EaselError: The store cannot be read; everything stays as it is.
        """
        await self._fleet.sync()
        await self._fleet.settled()

    async def watch(self) -> None:
        """Follow the folders of the models until cancelled; after ``load_all``."""
        await self._fleet.watch()

    async def reconfigure(self, configs: Iterable[ModelConfig] | None) -> None:
        """Serve exactly these models from now on; None for every model of the store.

        A model that is not named is unloaded.  One that cannot be served as it is wanted
        keeps the versions and version labels that it has, and is tried again.

        Raises:
            InvalidRequest: Two have one name.
            DeploymentRefused: A folder, a version or a label's version cannot be had.
        """
        await self._fleet.reconfigure(configs)

    async def load_model(self, name: str) -> None:
        """Load a model of the list or the store that was unloaded, or look at it again.

        Raises:
            InvalidRequest: *name* cannot name a model.
            ServableNotFound: There is no such model.
            DeploymentRefused: None of its versions can be served.
        """
        await self._fleet.load(name)

    async def unload_model(self, name: str) -> None:
        """Take no new calls for a model until ``load_model``; those that have begun finish.

        Raises:
            ServableNotFound: There is no such model.
        """
        self._fleet.unload(name)

    def _load(self, config: ModelConfig, number: int) -> Servable:
        return load(config.model_folder, number, self._options, self._executor)

    def find(self, ref: ModelRef) -> Servable | Missing:
        """The servable for a reference, or why there is none.

        Without version and label it is the version labelled ``stable``, else the newest.
        While a model loads first, nobody can say of it that it will not be there.
        """
        model = self._fleet.models.get(ref.name)
        if model is None:
            return Missing.MODEL if self._has_loaded else Missing.YET
        live = model.live
        if live is None:
            return Missing.MODEL if model.has_tried else Missing.YET
        if ref.version is not None:
            return live.versions.get(ref.version, Missing.VERSION)
        if ref.label is not None:
            if ref.label not in live.labels:
                return Missing.LABEL
            return live.versions.get(live.labels[ref.label], Missing.LABELLED_VERSION)
        return live.default

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
        batcher = servable.batchers[prediction.signature]
        names = batcher.outputs
        if prediction.outputs:
            check_outputs(names, prediction.outputs)
            names = prediction.outputs
        results, timing = await batcher.run(prediction.inputs, names, deadline, prediction.priority)
        return Answer(servable.model, dict(zip(names, results, strict=True)), timing)

    def statuses(self, name: str) -> tuple[VersionStatus, ...]:
        """Every version of a model that was tried, ascending; empty when it is unknown.

        Raises:
            ServableNotReady: Nobody has looked yet which models there are.
        """
        model = self._fleet.models.get(name) or self._fleet.gone.get(name)
        if model is None and not self._has_loaded:
            raise ServableNotReady(_LOADING.format(name))
        return () if model is None else model.loads.statuses()

    def all_statuses(self) -> Mapping[str, tuple[VersionStatus, ...]]:
        """The same by model, of all that are wanted or were."""
        models = {**self._fleet.gone, **self._fleet.models}
        return {name: model.loads.statuses() for name, model in models.items()}

    def servables(self) -> Iterator[Servable]:
        """Every version that can be called.  Hold none: it is unloaded when nobody does."""
        for model in self._fleet.models.values():
            if model.live is not None:
                yield from model.live.versions.values()

    def models(self) -> tuple[str, ...]:
        """Names of the models that are to be served, in order."""
        return tuple(sorted(self._fleet.models))

    def labels(self, name: str) -> Mapping[str, int]:
        """Version labels of a model, as calls see them."""
        model = self._fleet.models.get(name)
        return {} if model is None or model.live is None else model.live.labels

    def problems(self) -> Mapping[str, str]:
        """By model, what of its configuration could not be done."""
        return {name: model.problem for name, model in self._fleet.models.items() if model.problem}

    def load_counts(self) -> Mapping[str, LoadCounts]:
        """By model, what has happened to its versions since the start."""
        return {name: model.loads.counts for name, model in self._fleet.models.items()}

    def wanted(self) -> tuple[tuple[ModelConfig, ...] | None, tuple[str, ...]]:
        """Which models are to be served, as ``load_all`` takes it, and which are unloaded."""
        return self._fleet.wanted()

    def drain(self) -> None:
        """Be ready no more; calls are still answered."""
        self._is_draining = True

    @property
    def has_looked(self) -> bool:
        """Whether it is known which models there are."""
        return self._has_loaded

    @property
    def is_ready(self) -> bool:
        """Whether loading is done, there is a model, each can be called, and no drain began.

        A model that came after the start counts when its first load has ended; one that
        was unloaded by hand does not count.
        """
        models = self._fleet.models.values()
        return (
            self._has_loaded
            and not self._is_draining
            and bool(models)
            and all([m.live or m.is_unloaded or not m.has_tried for m in models])
        )

    def close(self) -> None:
        """End the threads; runs that have begun finish."""
        self._fleet.close()
        for executor in (self._loader, self._executor):
            executor.shutdown(wait=False, cancel_futures=True)


def require(found: Servable | Missing, ref: ModelRef) -> Servable:
    """Give back the servable.

    Raises:
        ServableNotFound: There is none.
        ServableNotReady: There may be one, when the server has started.
    """
    if found is Missing.YET:
        raise ServableNotReady(_LOADING.format(ref))
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
    if len(inputs) > 1 and signature.may_join and len({len(t) for t in inputs.values()}) > 1:
        raise TensorMismatch("the inputs have batch axes of different lengths")


def check_outputs(known: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Check the *names* of wanted outputs.

    Raises:
        TensorMismatch: A name is not the signature's, or is there twice.
    """
    for name in names:
        if name not in known:
            raise TensorMismatch(f"no output {name!r}; there are {', '.join(known)}")
    if len(set(names)) != len(names):
        raise TensorMismatch("an output is asked for twice")
