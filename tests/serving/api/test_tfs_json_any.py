"""Whatever a client sends to TF Serving's REST API: tensors, or a complaint."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from model_store.errors import InvalidRequest
from serving.api.tfs_json import parse_object
from tests.model_store.test_contract import ANY_JSON
from tests.serving.api.test_tfs_json import DTYPES, TWO, read, signature

ANY_REQUEST = st.fixed_dictionaries(
    {},
    optional={
        "instances": ANY_JSON,
        "inputs": ANY_JSON | st.fixed_dictionaries({"a": ANY_JSON, "b": ANY_JSON}),
        "signature_name": ANY_JSON,
    },
)


@given(ANY_REQUEST, st.sampled_from(DTYPES))
def test_any_json_is_tensors_or_refused(body, dtype):
    for wanted in (signature(x=dtype), TWO):
        try:
            tensors = read(body, wanted)
        except InvalidRequest as error:
            assert str(error).encode()
        else:
            assert all(isinstance(tensor, np.ndarray) for tensor in tensors.values())


@given(st.binary(max_size=40), st.integers(0, 40))
@example(b"\\u", 16)
def test_any_bytes_are_an_object_or_refused(noise, place):
    body = b'{"instances": [[1.5e3, "a"]], "x": -0}'
    for data in (noise, body[:place] + noise + body[place:]):
        try:
            assert isinstance(parse_object(data), dict)
        except InvalidRequest as error:
            assert str(error).encode()
