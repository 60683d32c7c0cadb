from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from export.sources.source import Options, Prelude
from export.workshop.messages import (
    Setup,
    decode_description,
    decode_preludes,
    decode_setup,
    encode_preludes,
    encode_setup,
    read_tensors,
    write_tensors,
)
from model_store.errors import ExportRefused

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
axes = st.lists(st.none() | st.integers(0, 999), max_size=4).map(tuple)
options = st.builds(
    Options,
    inputs=st.lists(names).map(tuple),
    shapes=st.dictionaries(names, axes, max_size=3),
    dtypes=st.dictionaries(names, st.sampled_from(["float32", "int64"]), max_size=3),
    output_names=st.lists(names).map(tuple),
    module=names,
    is_trusted=st.booleans(),
)
dtypes = st.sampled_from([np.dtype(t) for t in ("f4", "f2", "i8", "u1", "?", "S5")])
tensors = st.dictionaries(
    names,
    dtypes.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0))),
    max_size=3,
)


@given(options)
def test_a_setup_reads_as_it_was_written(given_options: Options):
    setup = Setup("export.sources.keras3", Path("/a b/c.h5"), Path("/work"), given_options)
    line = encode_setup(setup)
    assert "\n" not in line
    assert decode_setup(line) == setup


@given(tensors)
def test_tensors_read_as_they_were_written(given_tensors):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tensors.npz"
        write_tensors(path, given_tensors)
        found = read_tensors(path)
    assert list(found) == list(given_tensors)
    for name, tensor in given_tensors.items():
        assert found[name].dtype == tensor.dtype
        np.testing.assert_array_equal(found[name], tensor)


def test_preludes_read_as_they_were_written():
    preludes = {"s": Prelude("image", "x", (1, 2), (0.5,) * 3, (-1.0, 0.0, 1 / 3), True)}
    assert decode_preludes(encode_preludes(preludes)) == preludes


@pytest.mark.parametrize("value", [None, 3, {}, {"signatures": []}, {"signatures": {"a": {}}}])
def test_a_description_that_makes_no_sense_is_refused(value):
    with pytest.raises(ExportRefused, match="makes no sense"):
        decode_description(value)


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + b"\0" * 18, b"\x80\x04N."])
def test_what_holds_no_arrays_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "outputs.npz"
    path.write_bytes(content)
    with pytest.raises(ExportRefused, match="left no arrays"):
        read_tensors(path)


def test_arrays_that_would_grow_when_they_are_unpacked_are_refused(tmp_path: Path):
    path = tmp_path / "outputs.npz"
    np.savez_compressed(path, names=np.array(["a"]), t0=np.zeros(100_000))
    with pytest.raises(ExportRefused, match="its arrays are packed"):
        read_tensors(path)
