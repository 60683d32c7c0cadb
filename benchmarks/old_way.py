"""Whether the old way can be measured here, and how it is started."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.contenders import Bench, Command
from benchmarks.inputs import KERAS_VARIABLE, STORE_VARIABLE
from benchmarks.processes import ROOT, BenchError

PYTHON_VARIABLE = "EASEL_BENCH_OLD_WAY_PYTHON"
_NEEDED = ("tensorflow", "keras", "flask", "gunicorn", "PIL")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Where TensorFlow and the model are."""
    parser.add_argument(
        "--old-way-python",
        default=os.environ.get(PYTHON_VARIABLE, sys.executable),
        metavar="FILE",
        help=f"Python with benchmarks/peers/old_way.txt (or {PYTHON_VARIABLE})",
    )
    parser.add_argument(
        "--keras-model",
        type=Path,
        default=ROOT / "build/numbers/numbers.keras",
        metavar="FILE",
        help="made by: python -m export.recipes.numbers",
    )


def command(bench: Bench, flags: argparse.Namespace) -> Command:
    """The old way as such applications are deployed: gunicorn, one worker a core, threads.

    Of gunicorn sync and gthread with one or two workers and Flask's own server, the
    fastest here.

    Raises:
        BenchError: The model or the environment is missing.
    """
    model = flags.keras_model.resolve()
    if not model.is_file():
        raise BenchError(f"there is no {model}; make it with: python -m export.recipes.numbers")
    look = (
        "from importlib.util import find_spec as f; "
        f"print(*(name for name in {_NEEDED} if f(name) is None))"
    )
    try:
        found = subprocess.run(
            [flags.old_way_python, "-c", look], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f"{flags.old_way_python} cannot be run: {error}") from error
    if missing := found.stdout.split():
        raise BenchError(
            f"{flags.old_way_python} lacks {', '.join(missing)}; "
            "name a Python with benchmarks/peers/old_way.txt by --old-way-python"
        )
    words = [
        flags.old_way_python, "-m", "gunicorn", "--worker-class", "gthread", "--workers", "2",
        "--threads", "4", "--bind", "127.0.0.1:{port}", "benchmarks.peers.old_way:app",
    ]  # fmt: skip
    variables = {KERAS_VARIABLE: str(model), STORE_VARIABLE: str(bench.store)}
    return Command("old-way", words, variables | {"TF_CPP_MIN_LOG_LEVEL": "2"})
