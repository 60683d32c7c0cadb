"""The models of the store as ``/api/models`` tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from adapter.catalogue import Catalogue
from model_store.contract import ImageContract
from model_store.errors import EaselError, ServableNotFound
from model_store.manifest import Manifest
from model_store.spec import DEFAULT_SIGNATURE, ModelVersion


class Wanted(msgspec.Struct, frozen=True):
    """What picture a model works on; any other is made to fit."""

    width: int
    height: int
    mode: Annotated[str, Meta(description="L for grey, RGB for colours")]
    fit: str
    is_ink_centred: bool


class Card(msgspec.Struct, frozen=True):
    """One model of the store, by its live version."""

    name: str
    version: Annotated[int, Meta(description="the live one; 0 where it cannot be read")]
    route: Annotated[str | None, Meta(description="where to send pictures; null: it takes none")]
    takes: Wanted | None
    labels: Annotated[int, Meta(description="how many class labels it has")]
    gives: Annotated[str, Meta(description="scores: labels are answered; tensors: its outputs are")]
    tag: str
    author: str
    licence: str
    problem: Annotated[str, Meta(description="why it cannot be used; empty when it can")]

    @property
    def about(self) -> str:
        """A line for developers."""
        what = f"{self.labels} class labels" if self.labels else self.gives
        return f"{self.name}/{self.version}, {what}" + (f", {self.tag}" if self.tag else "")


class ListedModels(msgspec.Struct, frozen=True):
    """Every model of the store, by name."""

    models: tuple[Card, ...]


class Output(msgspec.Struct, frozen=True):
    """A tensor that the model gives for each picture; null is an axis of any length."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None


class Described(Card, frozen=True):
    """One model in full."""

    versions: tuple[int, ...]
    version_labels: Mapping[str, int]
    class_labels: Annotated[tuple[str, ...], Meta(description="in the order of the scores")]
    outputs: tuple[Output, ...]
    created: str


def listed(catalogue: Catalogue) -> ListedModels:
    """All models; one that cannot be read says why."""
    return ListedModels(tuple(_card(catalogue, name) for name in catalogue.names()))


def describe(catalogue: Catalogue, name: str) -> Described:
    """One model that takes pictures.

    Raises:
        ServableNotFound: There is no such model, or it takes no pictures.
        InvalidRequest: No model can have this name.
        BadVersion: Its files are damaged.
    """
    live = catalogue.live(name)
    manifest = catalogue.manifest(live.model)
    return Described(
        **msgspec.structs.asdict(_to_card(manifest, live.labels)),
        versions=catalogue.versions(name),
        version_labels=dict(catalogue.version_labels(name)),
        class_labels=live.labels,
        outputs=_outputs(manifest),
        created=manifest.created,
    )


def _card(catalogue: Catalogue, name: str) -> Card:
    try:
        live = catalogue.live(name)
        return _to_card(catalogue.manifest(live.model), live.labels)
    except ServableNotFound:
        return _without_pictures(catalogue, name)
    except EaselError:
        return _damaged(name)


def _without_pictures(catalogue: Catalogue, name: str) -> Card:
    number = max(catalogue.versions(name), default=0)
    try:
        return _to_card(catalogue.manifest(ModelVersion(name, number)), ())
    except EaselError:
        return _damaged(name)


def _damaged(name: str) -> Card:
    # The reason has paths of this machine in it, which are nobody's business.
    problem = f"its files are damaged; `easel verify {name}` says how"
    return Card(name, 0, None, None, 0, "tensors", "", "", "", problem)


def _to_card(manifest: Manifest, labels: tuple[str, ...]) -> Card:
    name, contract = manifest.model.name, manifest.input_contract
    outputs = _outputs(manifest)
    is_scores = len(outputs) == 1 and outputs[0].shape is not None and len(outputs[0].shape) == 1
    return Card(
        name=name,
        version=manifest.model.number,
        route=None if contract is None else f"/api/models/{name}",
        takes=None if contract is None else _wanted(contract),
        labels=len(labels),
        gives="scores" if is_scores else "tensors",
        tag=manifest.tag,
        author=manifest.author,
        licence=manifest.licence,
        problem="",
    )


def _wanted(contract: ImageContract) -> Wanted:
    height, width = contract.size
    return Wanted(width, height, contract.mode, contract.fit, contract.ink is not None)


def _outputs(manifest: Manifest) -> tuple[Output, ...]:
    """Without the batch axis: for one picture."""
    signature = manifest.signatures.get(DEFAULT_SIGNATURE)
    return tuple(
        Output(spec.name, spec.dtype, None if spec.shape is None else spec.shape[1:])
        for spec in (signature.outputs if signature else ())
    )
