from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.inspect.torchscript import inspect_code


def refused(code: str) -> list[str]:
    return [each.message for each in inspect_code(code, "code/net.py")]


@pytest.mark.parametrize(
    "code",
    [
        "_0 = torch.add_(x, 1)",
        "_0 = __torch__.torch.nn.functional.batch_norm",
        "_1 = ops.prim.data(x)",
        "_1 = ops.quantized.linear(x, w, 1.0, 0)",
        "w : __torch__.torch.classes.quantized.LinearPackedParamsBase",
        "self.save(x)",
        "ops.prim.RaiseException('torch.save(x)')",
        "# torch.save(x, path)\nreturn x",
    ],
)
def test_code_that_computes_is_not_suspected(code):
    assert refused(code) == []


@pytest.mark.parametrize(
    "code",
    [
        "torch.save(x, 'file')",
        "torch . save(x, 'file')",
        "torch.\\\n  save(x, 'file')",
        "torch. # what\n from_file('/etc/passwd')",
        "ops.aten.from_file('/etc/passwd')",
        "ops.prim.PythonOp(x)",
        "^Python(x)",
        "ops.mine.run(x)",
        "__torch__.torch.classes.mine.Runner",
        "rpc_async('worker', f)",
    ],
)
def test_code_that_reaches_outside_is_refused(code):
    assert refused(code)


@given(st.text(max_size=80))
def test_any_code_is_judged(code):
    assert all(refused(code)) or not refused(code)


@given(st.text("abc \n().=,", max_size=40))
def test_harm_is_found_after_any_code(code):
    assert refused(f"{code}\n_9 = torch.from_file(path)\n")
