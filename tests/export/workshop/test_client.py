from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.kinds import Kind
from export.sources.source import Options, Prelude
from export.workshop.client import Environment, held_source
from model_store.errors import EaselError, ExportRefused

ROOT = Path(__file__).parents[3]
KIND = Kind("a source of the tests", "tests.export.workshop.sources_that_misbehave", "test")
OPTIONS = Options(shapes={"x": (None, 2), "y:0/z": (None,)})


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.txt"
    path.write_text("works")
    return path


def test_a_source_in_another_process_does_what_one_in_this_would(path: Path):
    prelude = Prelude("image", "x", (8, 8), (1 / 255,), (-1.0,))
    with held_source(KIND, path, OPTIONS, Environment()) as source:
        description = source.describe()
        assert description.signatures["serving_default"].inputs[0].shape == (None, 2)
        x = np.arange(4, dtype=np.float32).reshape(2, 2)
        outputs = source.run("serving_default", {"x": x, "y:0/z": x[0]})
        np.testing.assert_array_equal(outputs["y:0/z"], x[0] * 2)
        layers = list(source.layers("serving_default", {"x": x}))
        assert [name for name, _ in layers] == ["layer/x:0"]
        np.testing.assert_array_equal(layers[0][1]["x"], -x)
        assert source.to_onnx("serving_default", source.folder) == ("a note",)
        assert source.to_saved_model(source.folder, {"serving_default": prelude}) == ()
        assert (source.folder / "model.onnx").read_text() == "serving_default"
        assert repr(prelude) in (source.folder / "saved_model.pb").read_text()


def test_strings_cross_to_the_process_and_back(path: Path):
    with held_source(KIND, path, OPTIONS, Environment()) as source:
        (name, _), *_ = source.layers("s", {"n": np.array([[1]], np.int64)})
        assert name == "layer/n:0"
        with pytest.raises(ExportRefused, match="give numbers or byte strings"):
            source.run("s", {"words": np.array(["a"], dtype=object)})
        with pytest.raises(ExportRefused, match=r"(?s)UFuncTypeError|multiply"):
            source.run("s", {"words": np.array([b"a", b"bc"])})


def test_what_the_source_prints_does_not_disturb_the_conversation(path: Path):
    path.write_text("prints")
    with held_source(KIND, path, OPTIONS, Environment()) as source:
        assert source.describe().route == "test"


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("dies", "ended with signal 9"),
        ("raises", "ZeroDivisionError: in a layer"),
        ("refuses", "^not such a file$"),
    ],
)
def test_a_source_that_cannot_be_loaded_is_refused_with_the_reason(path: Path, does, says):
    path.write_text(does)
    with (
        pytest.raises(ExportRefused, match=says),
        held_source(KIND, path, OPTIONS, Environment()),
    ):
        pass


def test_a_source_that_takes_too_long_is_ended(path: Path):
    path.write_text("hangs")
    with (
        pytest.raises(ExportRefused, match="not done within 3 s; see --time-limit"),
        held_source(KIND, path, OPTIONS, Environment(time_limit_s=3)),
    ):
        pass


def test_a_framework_that_is_not_there_is_named_with_the_remedy(path: Path):
    path.write_text("misses")
    with (
        pytest.raises(EaselError, match=r"tensorflux is not installed; .*--python test=PATH"),
        held_source(KIND, path, OPTIONS, Environment()),
    ):
        pass


@pytest.mark.parametrize(("framework", "extra"), [("keras", "export"), ("torch", "export-torch")])
def test_the_remedy_names_an_extra_that_there_is(path: Path, framework, extra):
    path.write_text("misses")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert extra in extras
    with (
        pytest.raises(EaselError, match=rf"pip install 'easel\[{extra}\]'"),
        held_source(replace(KIND, framework=framework), path, OPTIONS, Environment()),
    ):
        pass


def test_an_interpreter_that_is_not_there_is_named(path: Path):
    with (
        pytest.raises(EaselError, match="no-such-python cannot be started"),
        held_source(KIND, path, OPTIONS, Environment(python="no-such-python")),
    ):
        pass
