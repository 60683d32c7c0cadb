"""A source that is held by another process, with the methods of one held here.

The process is ours to end: by a time limit, when the export fails, and at its end.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from export.inspect.onnx_file import external_files
from export.kinds import KINDS, ONNX, Kind
from export.sources.labels_beside import files_beside
from export.sources.source import Description, Options, Prelude
from export.tensors import Tensors
from export.workshop.messages import (
    INPUTS_FILE,
    LAYERS_PREFIX,
    MAX_LINE_BYTES,
    OUTPUTS_FILE,
    Setup,
    decode_description,
    decode_notes,
    encode_preludes,
    encode_setup,
    read_tensors,
    write_tensors,
)
from export.workshop.sandbox import environment
from model_store.errors import EaselError, ExportRefused

_TAIL_BYTES = 2_000
_PACKAGES = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Environment:
    """Where and how long a source's process may run.

    Attributes:
        python: The interpreter; that of the framework's own environment, perhaps.
        time_limit_s: For each command, the loading included.
    """

    python: str = sys.executable
    time_limit_s: float = 900.0


@contextmanager
def held_source(
    kind: Kind, path: Path, options: Options, environment: Environment
) -> Iterator[HeldSource]:
    """Load *path* in a process of its own, which ends with the block.

    Raises:
        ExportRefused: It cannot be loaded; says why.
        EaselError: The framework is not installed there.
    """
    with (
        tempfile.TemporaryDirectory(prefix="easel-source-") as work,
        tempfile.TemporaryFile() as log,
    ):
        readable = _readable(kind, path, options)
        setup = Setup(kind.module, path.resolve(), Path(work), options, readable)
        process = _start(environment.python, setup, log)
        try:
            yield HeldSource(kind, setup, process, log, environment.time_limit_s)
        finally:
            process.kill()
            process.communicate()


def _readable(kind: Kind, path: Path, options: Options) -> tuple[Path, ...]:
    """What the child may read beside the source: labels, an ONNX file's weights, the author's module."""
    found = [*files_beside(path.resolve()), *([Path.cwd()] if options.module else [])]
    if kind is KINDS[ONNX]:
        with suppress(ValueError, OSError):  # which the source's loader says better
            found += external_files(path.resolve())
    return tuple(found)


def _start(python: str, setup: Setup, log: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [python, "-m", "export.workshop.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=setup.work,
            env=environment(os.environ, setup.work)
            | {"PYTHONPATH": _python_path(setup.options), "TF_CPP_MIN_LOG_LEVEL": "2"},
            start_new_session=True,  # Ctrl-C is the exporter's, which ends this one
        )
    except OSError as error:
        raise EaselError(f"{python} cannot be started: {error}; see --python") from error


def _python_path(options: Options) -> str:
    """Ours, and where the author's own module is looked for: as `python -m` would, here."""
    given = os.environ.get("PYTHONPATH")
    here = [str(Path.cwd())] if options.module else []
    return os.pathsep.join([str(_PACKAGES), *here, *([given] if given else [])])


class HeldSource:
    """A source in its process; see ``export.sources.source.Source`` for what it can do."""

    def __init__(
        self,
        kind: Kind,
        setup: Setup,
        process: subprocess.Popen[bytes],
        log: IO[bytes],
        time_limit_s: float,
    ) -> None:
        self.kind = kind
        self.folder = setup.work
        self._process = process
        self._log = log
        self._limit_s = time_limit_s
        self._title = f"{setup.path.name} ({kind.title})"
        self._buffer = b""
        self._description = decode_description(self._say(encode_setup(setup)).get("description"))

    def describe(self) -> Description:
        """What it takes, gives and was made with."""
        return self._description

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """What its author's own code computes for one batch, by output name."""
        write_tensors(self.folder / INPUTS_FILE, inputs)
        self._do("run", signature=signature)
        return read_tensors(self.folder / OUTPUTS_FILE)

    def to_onnx(self, signature: str, folder: Path) -> tuple[str, ...]:
        """Write ``folder/model.onnx``; returns notes for people."""
        return decode_notes(self._do("to_onnx", signature=signature, folder=str(folder))["notes"])

    def to_saved_model(self, folder: Path, preludes: Mapping[str, Prelude]) -> tuple[str, ...]:
        """Write a SavedModel into *folder*; returns notes for people."""
        said = self._do("to_saved_model", folder=str(folder), preludes=encode_preludes(preludes))
        return decode_notes(said["notes"])

    def to_program(self, folder: Path) -> Path:
        """Write a PyTorch source's program into *folder*, for ``export.mar``."""
        return folder / Path(str(self._do("to_program", folder=str(folder))["file"])).name

    def layers(self, signature: str, inputs: Tensors) -> Iterator[tuple[str, Tensors]]:
        """What each layer computes for one batch, in order."""
        write_tensors(self.folder / INPUTS_FILE, inputs)
        names = self._do("layers", signature=signature)["names"]
        for index, name in enumerate(names):
            yield str(name), read_tensors(self.folder / f"{LAYERS_PREFIX}{index}.npz")

    def _do(self, command: str, **arguments: Any) -> Mapping[str, Any]:
        return self._say(json.dumps({"do": command, **arguments}))

    def _say(self, line: str) -> Mapping[str, Any]:
        """Send one line and wait for the answer.

        Raises:
            ExportRefused: The source cannot do it, or its process ended or took too long.
            EaselError: The framework is not installed there.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        try:
            reply = json.loads(self._read_line())
            refused, missing = reply.get("refused"), reply.get("missing")
        except (ValueError, AttributeError, RecursionError) as error:
            raise ExportRefused(f"{self._title}: its process says what it must not") from error
        if missing is not None:
            framework = self.kind.framework
            extra = "export-torch" if framework == "torch" else "export"
            raise EaselError(
                f"{missing} is not installed; run: pip install 'easel[{extra}]', or name "
                f"the environment that has it with --python {framework}=PATH"
            )
        if refused is not None:
            raise ExportRefused(str(refused))
        assert isinstance(reply, dict)
        return reply

    def _read_line(self) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        end = time.monotonic() + self._limit_s
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise ExportRefused(
                        f"{self._title}: not done within {self._limit_s:.0f} s; see --time-limit"
                    )
                part = os.read(descriptor, 65_536)
                if not part:
                    raise self._ended()
                self._buffer += part
                if len(self._buffer) > MAX_LINE_BYTES:
                    raise ExportRefused(f"{self._title}: its process says more than it may")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _ended(self) -> ExportRefused:
        status = self._process.wait()
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - _TAIL_BYTES))
        tail = self._log.read().decode(errors="replace").strip()
        how = f"signal {-status}" if status < 0 else f"status {status}"
        return ExportRefused(f"{self._title}: the process that loads it ended with {how}\n{tail}")
