"""The author's own module, made by the author's own code and filled with saved numbers.

``package.module:factory`` is imported because the author said so; the numbers are read as
tensors and nothing else.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch

from export.sources.torch_tensors import refusing
from model_store.errors import ExportRefused

_INSIDE = ("state_dict", "model_state_dict", "model", "net", "weights")
_SHOWN = 6


def make_module(name: str, state: Mapping[str, Any]) -> torch.nn.Module:
    """Import and call the factory, and give what it made the numbers of *state*.

    Args:
        name: ``package.module:factory``; a class or a function that takes no arguments.
        state: By parameter name.

    Raises:
        ExportRefused: There is no such factory, it makes no module, or the names or shapes
            of the module and the file differ; says which.
    """
    place, colon, factory = name.partition(":")
    if not (place and colon and factory):
        raise ExportRefused(f"--module {name}: write package.module:factory")
    with refusing(f"--module {name} cannot make the model"):
        made = importlib.import_module(place)
        for part in factory.split("."):
            made = getattr(made, part)
        module = made() if callable(made) and not isinstance(made, torch.nn.Module) else made
    if not isinstance(module, torch.nn.Module):
        raise ExportRefused(
            f"--module {name} gives {type(module).__name__}; it has to give a torch.nn.Module"
        )
    _fill(module, state)
    return module.eval()


def _fill(module: torch.nn.Module, state: Mapping[str, Any]) -> None:
    want = module.state_dict()
    missing, extra = sorted(want.keys() - state.keys()), sorted(state.keys() - want.keys())
    if missing or extra:
        raise ExportRefused(f"the file does not fit the module: {_difference(missing, extra)}")
    shapes = [
        f"{name} is {list(state[name].shape)} in the file and {list(want[name].shape)} in the module"
        for name in sorted(want)
        if isinstance(want[name], torch.Tensor) and want[name].shape != state[name].shape
    ]
    if shapes:
        raise ExportRefused(f"the file does not fit the module: {_some(shapes, '; ')}")
    with refusing("the module refuses the file's numbers"):
        module.load_state_dict(dict(state), strict=True)


def _difference(missing: list[str], extra: list[str]) -> str:
    parts = []
    if missing:
        parts.append(f"the file lacks {_some(missing)}")
    if extra:
        parts.append(f"the module has no {_some(extra)}")
    if missing and extra:
        near = get_close_matches(extra[0], missing, n=1, cutoff=0.5)
        if near:
            parts.append(f"{extra[0]} may be what the module calls {near[0]}")
    return "; ".join(parts)


def _some(items: list[str], joint: str = ", ") -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return joint.join(items[:_SHOWN]) + more


def read_state(
    path: Path, *, is_trusted: bool = False
) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """A file's tensors by name, out of the checkpoint around them if there is one, and notes.

    Args:
        path: What ``torch.save`` wrote.
        is_trusted: Whether the file may run code, as that of a whole module does.

    Raises:
        ExportRefused: It holds more than tensors and plain values, such as a whole module.
    """
    with refusing(
        f"{path.name} is no state dict that can be read"
        + ("" if is_trusted else " without running code"),
        "save torch.save(model.state_dict(), ...) and give --module package.module:factory, or "
        "save torch.export.save(torch.export.export(model, ...), 'model.pt2')",
    ):
        held = torch.load(path, map_location="cpu", weights_only=not is_trusted)
    notes = []
    if isinstance(held, torch.nn.Module):
        held = held.state_dict()
        notes.append("its numbers are read from a whole module that was pickled")
    for name in _INSIDE:
        if isinstance(held, dict) and isinstance(held.get(name), dict):
            held = held[name]
            notes.append(f"read from the checkpoint's {name!r}")
            break
    if not isinstance(held, dict) or not held or not _are_tensors(held):
        raise ExportRefused(
            f"{path.name} holds no tensors by name; save torch.save(model.state_dict(), ...)"
        )
    if all(name.startswith("module.") for name in held):
        held = {name.removeprefix("module."): tensor for name, tensor in held.items()}
        notes.append("names without DataParallel's prefix 'module.'")
    return held, tuple(notes)


def _are_tensors(held: Mapping[Any, Any]) -> bool:
    return all(
        isinstance(name, str) and (isinstance(value, torch.Tensor) or name.endswith("_extra_state"))
        for name, value in held.items()
    )
