from __future__ import annotations

import io
import pickle
from collections import Counter, OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.inspect.pickles import OPCODES, inspect_pickle, is_script_part, is_tensor_part

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner) | st.tuples(inner),
    max_leaves=20,
)


class Harm:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def found(content: bytes, *, is_script: bool = False):
    return list(inspect_pickle(io.BytesIO(content), "here", is_script=is_script))


@given(plain)
def test_plain_values_are_not_suspected(value):
    assert found(pickle.dumps(value, protocol=2)) == []


def test_containers_that_torch_allows_are_not_suspected():
    value = [OrderedDict(a=1), Counter("aab"), {1, 2}, bytearray(b"x"), b"bytes", 1 + 2j]
    assert found(pickle.dumps(value, protocol=2)) == []


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("call", [(eval, "1"), (__import__, "os"), (getattr, "a", "b")])
def test_a_function_is_named_with_its_opcode_in_every_protocol(protocol, call):
    (first, *_) = [
        each
        for each in found(pickle.dumps(Harm(*call), protocol=protocol))
        if "names" in each.message
    ]
    assert first.is_refused
    assert first.what == "runs code"
    assert ("STACK_GLOBAL" if protocol >= 4 else "GLOBAL") in first.where
    assert call[0].__name__ in first.message


@pytest.mark.parametrize(
    ("content", "opcode"),
    [
        (b"(S'echo'\nios\nsystem\n.", "INST"),
        (b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00echo\x85R.", "GLOBAL"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x02(cbuiltins\neval\nU\x011o.", "OBJ"),
        # Names that only the memo knows.
        (b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93.", "STACK_GLOBAL"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93)R.", "STACK_GLOBAL"),
    ],
)
def test_opcodes_that_reach_functions_otherwise_are_refused(content, opcode):
    assert any(f"opcode {opcode}" in each.where for each in found(content))


def test_names_that_nearly_are_tensors_parts_are_refused():
    for name in (
        "torch.load", "torch.hub.load", "torch.storage._load_from_bytes", "os.system",
        "collections.OrderedDict.fromkeys", "xtorch.Size", "torch.Size.x", "torchXFloatStorage",
        "torch._utils._rebuild_tensor_v2.__globals__", "builtins.eval", "__torch__.Net",
    ):  # fmt: skip
        assert not is_tensor_part(name), name


def test_what_torch_allows_without_being_told_is_what_we_allow():
    from torch._weights_only_unpickler import _get_allowed_globals

    assert [name for name in _get_allowed_globals() if not is_tensor_part(name)] == []


def test_the_opcodes_are_those_of_torchs_own_reader():
    """Others it refuses itself, with words that nobody understands."""
    from torch import _weights_only_unpickler

    assert [name for name in OPCODES if not hasattr(_weights_only_unpickler, name)] == []


def test_torchscript_makes_its_own_classes():
    assert is_script_part("__torch__.torch.nn.Linear")
    assert is_script_part("torch.jit._pickle.build_intlist")
    assert not is_script_part("os.system")
    assert found(b"\x80\x02c__torch__\nNet\n)\x81.", is_script=True) == []


def test_a_pickle_that_is_cut_off_is_a_value_error():
    with pytest.raises(ValueError, match="exhausted"):
        found(pickle.dumps([1, 2, 3], protocol=2)[:-2])


@given(st.binary(max_size=300))
def test_any_bytes_are_judged_or_a_value_error(content):
    try:
        assert all(each.message for each in found(content))
    except (ValueError, DeprecationWarning) as error:
        assert str(error)


@given(plain)
def test_a_harmful_pickle_is_refused_whatever_stands_before_the_harm(value):
    content = pickle.dumps([value, Harm(eval, "1")], protocol=2)
    assert any(each.is_refused for each in found(content))
