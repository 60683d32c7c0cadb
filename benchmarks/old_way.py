"""Whether the old way can be measured here, and how it is started."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from benchmarks.contenders import Bench, Command
from benchmarks.inputs import STORE_VARIABLE
from benchmarks.processes import BenchError

PYTHON_VARIABLE = "EASEL_BENCH_OLD_WAY_PYTHON"
_NEEDED = ("tensorflow", "keras", "tf_keras", "flask", "gunicorn", "PIL")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Where TensorFlow is."""
    parser.add_argument(
        "--old-way-python",
        default=os.environ.get(PYTHON_VARIABLE, sys.executable),
        metavar="FILE",
        help=f"Python with benchmarks/peers/old_way.txt (or {PYTHON_VARIABLE})",
    )


def command(bench: Bench, flags: argparse.Namespace) -> Command:
    """The old way as such applications are deployed: gunicorn, one worker a core, threads.

    Of gunicorn sync and gthread with one or two workers and Flask's own server, the
    fastest here.

    Raises:
        BenchError: The environment is missing.
    """
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
        "--threads", "4", "--timeout", "120", "--bind", "127.0.0.1:{port}",
        "benchmarks.peers.old_way:app",
    ]  # fmt: skip
    return Command(
        "old-way", words, {STORE_VARIABLE: str(bench.store), "TF_CPP_MIN_LOG_LEVEL": "2"}
    )
