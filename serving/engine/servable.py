"""A version made callable: files checked, graph loaded, warm, and its answers right."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from model_store.digests import verify_folder
from model_store.errors import BadVersion, EaselError, InvalidRequest
from model_store.folder import ModelFolder
from model_store.manifest import MANIFEST_FILE, Manifest
from model_store.spec import ModelVersion, Signature
from serving.api.calls import SERVED_DTYPES, Prediction
from serving.engine import foreign, saved_model
from serving.engine.batching import Batcher
from serving.engine.floor import Floor
from serving.engine.golden import check_golden, golden_of, read_golden, warm_row_seconds
from serving.engine.limits import BatchLimits, BatchOverrides, with_overrides
from serving.engine.onnx_runtime import OnnxModel
from serving.engine.saved_model import SavedModel
from serving.engine.session import LoadedModel
from serving.engine.worker import Threads

GRAPH_FILE = "model.onnx"


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Servable:
    """A loaded version: what it promises, how it is called, and what runs it.

    Whoever holds one keeps it loaded; nothing in it may hold it in turn.

    Attributes:
        model: Which one.
        manifest: Its promise.
        batchers: A queue for each signature.
        loaded: What runs it.
        labels: Names of its classes, by their number.
    """

    model: ModelVersion
    manifest: Manifest
    batchers: Mapping[str, Batcher]
    loaded: LoadedModel
    labels: tuple[str, ...] = ()

    def close(self) -> None:
        """Free the memory, once nothing is to be called any more; blocking."""
        self.loaded.close()


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How versions are loaded.

    Attributes:
        intra_op_threads: Threads of one run in company.
        limits: Of each signature's queue.
        wide_threads: Threads of a run that is alone.
        widest_bytes: Size of a graph's file up to which it may be loaded a second time.
        read_warmup: Requests that a SavedModel's folder brings along, to be run first.
        read_batching: How a version's folder wants its requests joined, laid over *limits*.
        check: What a version's folder must pass before anything in it is opened, or BadVersion.
        floor: What all models of this process do.
    """

    intra_op_threads: int = 1
    limits: BatchLimits = field(default_factory=BatchLimits)
    wide_threads: int = 1
    widest_bytes: float = math.inf
    read_warmup: Callable[[Path], Iterable[Prediction]] = lambda _: ()
    read_batching: Callable[[Path], BatchOverrides] = lambda _: BatchOverrides()
    check: Callable[[Path], object] = lambda _: None
    floor: Floor = field(default_factory=Floor)


def load(home: ModelFolder, number: int, options: LoadOptions, executor: Executor) -> Servable:
    """Load one version of a model; blocking.

    Raises:
        ServableNotFound: There is no such version.
        BadVersion: A digest, the graph, a signature, a golden answer or a wish is wrong.
    """
    folder = home.folder(number)
    options.check(folder)
    options = replace(options, limits=_limits(folder, options))
    if home.needs_manifest or (folder / MANIFEST_FILE).exists():
        manifest, loaded = _open_promised(home.verify(number), folder, options)
    else:
        manifest, loaded = _open_foreign(ModelVersion(home.name, number), folder, options)
    try:
        batchers = {
            name: _batcher(loaded, name, signature, options, executor)
            for name, signature in manifest.signatures.items()
        }
        labels = _read_labels(folder, manifest)
        return Servable(manifest.model, manifest, batchers, loaded, labels)
    except BaseException:
        loaded.close()
        raise


def _limits(folder: Path, options: LoadOptions) -> BatchLimits:
    try:
        return with_overrides(options.limits, options.read_batching(folder))
    except InvalidRequest as error:
        raise BadVersion(f"{folder}: {error}") from error


def _read_labels(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    if manifest.labels_file is None:
        return ()
    path = folder / manifest.labels_file
    try:
        return tuple(path.read_text("utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise BadVersion(f"{path} cannot be read: {error}") from error


def _open_promised(
    manifest: Manifest, folder: Path, options: LoadOptions
) -> tuple[Manifest, LoadedModel]:
    """Load what the manifest names, and hold it against the manifest."""
    graph = saved_model.GRAPH_FILE if manifest.format == "saved_model" else GRAPH_FILE
    if graph not in manifest.files:  # it would be loaded unchecked
        raise BadVersion(f"{manifest.model}: the manifest names no {graph}")
    loaded: LoadedModel
    if manifest.format == "saved_model":
        loaded = _open_saved_model(folder, options, partial(verify_folder, folder, manifest.files))
    else:
        loaded = _open_onnx(folder / graph, options, manifest)
    try:
        for name, promised in manifest.signatures.items():
            check_signature(manifest.model, name, promised, loaded.signatures.get(name))
        if manifest.golden_file is not None:
            _check_answers(manifest, loaded, folder / manifest.golden_file)
    except BaseException:
        loaded.close()
        raise
    return manifest, loaded


def _open_foreign(
    model: ModelVersion, folder: Path, options: LoadOptions
) -> tuple[Manifest, LoadedModel]:
    """Load what is there, and believe it."""
    graph = foreign.find_graph(model, folder)
    loaded: LoadedModel
    if graph.format == "saved_model":
        loaded = _open_saved_model(graph.path, options, lambda: None)
    else:
        loaded = _open_onnx(graph.path, options, None)
    try:
        return foreign.describe(model, graph, loaded), loaded
    except BaseException:
        loaded.close()
        raise


def _open_saved_model(
    folder: Path, options: LoadOptions, verify: Callable[[], object]
) -> SavedModel:
    threads = Threads(options.intra_op_threads, options.limits.lanes)
    loaded = SavedModel(folder, threads=threads, verify=verify)
    try:
        replay(loaded, options.read_warmup(folder))
    except BaseException:
        loaded.close()
        raise
    return loaded


def replay(loaded: LoadedModel, predictions: Iterable[Prediction]) -> None:
    """Run requests that a version brings along, as its callers would.

    Raises:
        BadVersion: One of them cannot be run.
    """
    for prediction in predictions:
        signature = loaded.signatures.get(prediction.signature)
        if signature is None:
            raise BadVersion(f"a warm-up request is for {prediction.signature}, which is not there")
        wanted = {spec.name for spec in signature.inputs}
        if prediction.inputs.keys() != wanted:
            raise BadVersion(f"a warm-up request of {prediction.signature} has other inputs")
        names = prediction.outputs or tuple(spec.name for spec in signature.outputs)
        try:
            loaded.session(prediction.signature).run(names, prediction.inputs)
        except EaselError as error:
            raise BadVersion(f"a warm-up request of {prediction.signature}: {error}") from error


def _open_onnx(path: Path, options: LoadOptions, manifest: Manifest | None) -> OnnxModel:
    threads = options.intra_op_threads
    if manifest is None:
        loaded, size = OnnxModel(path, intra_op_threads=threads), path.stat().st_size
    else:
        files = manifest.files
        loaded = OnnxModel(
            path, intra_op_threads=threads, names=manifest.signatures, may_read=files.keys()
        )
        size = sum(file.bytes for file in files.values())
    if options.wide_threads > threads and size <= options.widest_bytes:
        loaded.widen(
            options.wide_threads,
            above_s=options.limits.inline_s,
            is_crowded=options.floor.others_are_busy,
        )
    return loaded


def check_signature(
    model: ModelVersion, name: str, promised: Signature, found: Signature | None
) -> None:
    """Check that the graph keeps a signature's promise; it may give more outputs.

    Raises:
        BadVersion: A tensor is missing or another one, or an input is not promised.
    """
    if found is None:
        raise BadVersion(f"{model}: the manifest's signature {name} is not in the model")
    for spec in (*promised.inputs, *promised.outputs):
        if spec.dtype not in SERVED_DTYPES:
            raise BadVersion(f"{model}: {spec} of {name} cannot be sent in any protocol")
    for side, want, got, is_whole in (
        ("inputs", promised.inputs, found.inputs, True),
        ("outputs", promised.outputs, found.outputs, False),
    ):
        wanted, there = sorted(map(str, want)), sorted(map(str, got))
        if (wanted != there) if is_whole else not (wanted and set(wanted) <= set(there)):
            raise BadVersion(
                f"{model}: the manifest's {side} of {name} are {', '.join(wanted)}; "
                f"the graph's are {', '.join(there)}"
            )


def _check_answers(manifest: Manifest, loaded: LoadedModel, path: Path) -> None:
    golden, checked = read_golden(path), 0
    for name, signature in manifest.signatures.items():
        samples = golden_of(name, golden, manifest.model, signature)
        if samples is not None:
            check_golden(manifest.model, loaded.session(name), *samples)
            checked += 1
    if not checked:
        raise BadVersion(f"{manifest.model}: the golden samples are of none of its signatures")


def _batcher(
    loaded: LoadedModel, name: str, signature: Signature, options: LoadOptions, executor: Executor
) -> Batcher:
    session = loaded.session(name)
    limits = options.limits
    if loaded.waiting is not None:
        # The event loop waits for no other process, however fast it was until now.
        limits, executor = replace(limits, inline_s=-1.0), loaded.waiting
    return Batcher(
        session,
        signature,
        limits,
        executor,
        row_s=warm_row_seconds(session, signature),
        floor=options.floor,
    )
