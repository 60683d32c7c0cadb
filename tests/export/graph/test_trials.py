"""The flags and the table of trials."""

from __future__ import annotations

import argparse
from io import StringIO
from pathlib import Path

from rich.console import Console

from export.graph.stopwatch import SETTINGS, Timing
from export.graph.trials import Choice, Margins, Trial, Wants, add_flags, from_flags, table_of


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return from_flags(parser.parse_args(arguments))


def test_nothing_is_tried_unless_asked_for():
    assert parsed() == (Wants(), Margins())
    assert not Wants().any


def test_the_flags_say_what_to_try_and_by_what_it_must_win():
    wants, margins = parsed(
        "--quantize", "--optimize", "--float16", "--min-speedup", "1.5",
        "--min-agreement", "0.95", "--max-accuracy-loss", "2",
    )  # fmt: skip
    assert wants == Wants(optimize=True, quantize=True, float16=True)
    assert wants.any
    assert margins == Margins(speedup=1.5, agreement=0.95, accuracy_loss=0.02)


def test_the_table_shows_every_trial_with_its_verdict():
    timings = tuple(Timing(setting, 1.5) for setting in SETTINGS)
    choice = Choice(Path("model.onnx"), (
        Trial("float32", "the model as converted", 1_000, timings, accuracy=0.875, is_chosen=True),
        Trial("int8 static", "left: slow", 300, timings, 0.5, 1.0),
        Trial("int8 dynamic", "failed: no"),
    ))  # fmt: skip
    assert choice.chosen.candidate == "float32"
    out = StringIO()
    Console(file=out, width=300).print(table_of(choice))
    lines = out.getvalue().splitlines()
    assert "batch 8, all cores" in lines[2]
    assert [line for line in lines if "float32" in line and "1,000" in line and "87.5%" in line]
    assert [line for line in lines if "int8 static" in line and "left: slow" in line]
    assert [line for line in lines if "failed: no" in line and "1.50 ms" not in line]
