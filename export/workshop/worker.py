"""``python -m export.workshop.worker``: holds one source and does what it is told.

Its own standard output belongs to the conversation; whatever frameworks print goes to
standard error, which the exporter keeps and shows if this process ends badly.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from export.sources.source import ProgramWriter, Source
from export.workshop.messages import (
    INPUTS_FILE,
    LAYERS_PREFIX,
    OUTPUTS_FILE,
    Setup,
    decode_preludes,
    decode_setup,
    encode_description,
    read_tensors,
    write_tensors,
)
from export.workshop.sandbox import enter, limits_for, size
from model_store.errors import EaselError, ExportRefused

Reply = Mapping[str, Any]


def main() -> int:
    """Converse until standard input ends; returns the exit status."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    setup = decode_setup(sys.stdin.readline())
    # Before any framework is imported: they start threads, which would be left outside.
    open_ends = enter(limits_for(size(setup.path)), setup.work, (setup.path, *setup.readable))
    holder: list[Source] = []

    def load() -> Reply:
        holder.append(import_module(setup.module).load(setup.path, setup.options))
        description = holder[0].describe()
        told = replace(description, notes=(*description.notes, *open_ends))
        return {"description": encode_description(told)}

    if not _answer(answers, load):
        return 1
    for line in sys.stdin:
        command = json.loads(line)
        _answer(answers, _doing(command, holder[0], setup))
    return 0


def _answer(answers: TextIO, act: Callable[[], Reply]) -> bool:
    """Do it and say so in one line; whether it went well."""
    try:
        reply = act()
    except EaselError as error:
        reply = {"refused": str(error)}
    except ModuleNotFoundError as error:
        reply = {"missing": error.name}
    except MemoryError:
        reply = {"refused": "the memory given to the source's process is not enough for it"}
    # Frameworks raise whatever their layers raise; the traceback goes to standard error.
    except Exception as error:
        sys.excepthook(type(error), error, error.__traceback__)
        reply = {"refused": f"{type(error).__name__}: {error}"}
    print(json.dumps(reply), file=answers, flush=True)
    return "refused" not in reply and "missing" not in reply


def _doing(command: Mapping[str, Any], source: Source, setup: Setup) -> Callable[[], Reply]:
    def run() -> Reply:
        inputs = read_tensors(setup.work / INPUTS_FILE)
        write_tensors(setup.work / OUTPUTS_FILE, source.run(command["signature"], inputs))
        return {}

    def to_onnx() -> Reply:
        return {"notes": source.to_onnx(command["signature"], Path(command["folder"]))}

    def to_saved_model() -> Reply:
        preludes = decode_preludes(command["preludes"])
        return {"notes": source.to_saved_model(Path(command["folder"]), preludes)}

    def to_program() -> Reply:
        if not isinstance(source, ProgramWriter):
            raise ExportRefused("TorchServe takes PyTorch models only: choose --to onnx")
        return {"file": source.to_program(Path(command["folder"]))}

    def layers() -> Reply:
        inputs = read_tensors(setup.work / INPUTS_FILE)
        names = []
        for index, (name, outputs) in enumerate(source.layers(command["signature"], inputs)):
            write_tensors(setup.work / f"{LAYERS_PREFIX}{index}.npz", outputs)
            names.append(name)
        return {"names": names}

    commands = (run, to_onnx, to_saved_model, to_program, layers)
    return next(each for each in commands if each.__name__ == command["do"])


if __name__ == "__main__":
    sys.exit(main())
