from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.inspect.keras_config import inspect_config
from export.inspect.keras_names import CLASSES, MARKERS, RUNNING

names = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | names,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["class_name", "config", "module", "layers"]) | names, inner
        )
    ),
    max_leaves=30,
)


def layer(class_name: str, config: object = None, **more: object) -> dict:
    return {"class_name": class_name, "config": {"name": "it"} if config is None else config} | more


def refused(config: object) -> list[str]:
    return [f"{each.what} {each}" for each in inspect_config(config) if each.is_refused]


def wrap(config: object, depth: int) -> object:
    for _ in range(depth):
        config = layer("Sequential", {"name": "s", "layers": [{"inner": [config]}]})
    return config


@pytest.mark.parametrize("depth", [0, 1, 7, 3_000])
def test_a_lambda_is_found_at_any_depth(depth):
    (found,) = refused(wrap(layer("Lambda", {"name": "evil"}), depth))
    assert found.startswith("runs code layer 'evil' (Lambda)")


@pytest.mark.parametrize("name", RUNNING)
def test_layers_that_run_code_are_told_with_what_they_run(name):
    (found,) = refused(layer(name))
    assert RUNNING[name] in found


@pytest.mark.parametrize(
    "config",
    [
        layer("Dense"),
        layer("Dense", module="keras.layers", registered_name=None),
        layer("Dense", module="keras.layers", registered_name="Dense"),
        layer("Functional", module="keras.src.models.functional"),
        layer("Functional", registered_name="Functional"),
        layer("Add", module="keras.src.ops.numpy"),
        layer("NotYetKnownToUs", module="keras.src.ops.nn"),
        layer("GlorotUniformV2"),
        layer("BatchNormalization", module="tensorflow.python.keras.layers.normalization_v2"),
        layer("Policy", module="keras.mixed_precision"),
        layer("function", "relu", module="builtins", registered_name="function"),
        layer("function", "sum", module="builtins"),
        layer("__keras_tensor__", {"shape": [None, 2]}),
        {"class_name": "TensorShape", "items": [None, 2]},
        layer("TFOpLambda", {"name": "t", "function": "math.add"}),
        layer("TFOpLambda", {"name": "t", "function": "compat.v1.transpose"}),
        layer("SlicingOpLambda", {"name": "t", "function": "__operators__.getitem"}),
        layer("TensorFlowOpLayer", {"name": "t", "node_def": json.dumps({"op": "AddV2"})}),
        layer("StringLookup", {"name": "v", "vocabulary": ["a", "b"]}),
        layer("Sequential") | {"compile_config": {"loss": layer("MyLoss", module="mine")}},
    ],
)
def test_keras_own_parts_are_not_suspected(config):
    assert refused(config) == []


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (layer("MyLayer"), "is no class of Keras"),
        (layer("MyLayer", module=None, registered_name="mine>MyLayer"), "is no class of Keras"),
        (layer("Dense", registered_name="mine>Dense"), "is no class of Keras"),
        (layer("Dense", module="mine.layers"), "'Dense' of 'mine.layers'"),
        (layer("Dense", module=7), "'Dense' of 7"),
        (layer("Dense", module="kerasx.layers"), "'kerasx.layers'"),
        (layer("Dense", module="keras.layers\nos"), "which is not a part"),
        (layer("function", "system", module="os"), "'system' of 'os'"),
        (layer("function", "exec", module="builtins"), "'exec' of 'builtins'"),
        (layer("eval", {}, module="builtins"), "'eval' of 'builtins'"),
        (layer("function", "get_file", module="keras.utils"), "'get_file' of 'keras.utils'"),
        (
            layer("function", "enable_unsafe_deserialization", module="keras.config"),
            "of 'keras.config'",
        ),
        (layer("load_model", {}, module="keras.saving"), "of 'keras.saving'"),
        (layer("__typespec__", [], module="os", spec_name="x"), "of 'os'"),
        (layer("TFOpLambda", {"name": "t", "function": "io.write_file"}), "calls tf.io.write_file"),
        (layer("TFOpLambda", {"name": "t", "function": "py_function"}), "calls tf.py_function"),
        (layer("TFOpLambda", {"name": "t", "function": "raw_ops.WriteFile"}), "tf.raw_ops"),
        (layer("TFOpLambda", {"name": "t", "function": ["x"]}), "calls tf.['x']"),
        (layer("TFOpLambda", {"name": "t"}), "calls tf.None"),
        (
            layer("TensorFlowOpLayer", {"name": "t", "node_def": json.dumps({"op": "ReadFile"})}),
            "ReadFile reads or writes files",
        ),
        (layer("TensorFlowOpLayer", {"name": "t", "node_def": "{"}), "cannot be read"),
        (layer("TextVectorization", {"vocabulary": "gs://b/v.txt"}), "reads outside"),
        (
            layer("Sequential", {"layers": [layer("Model") | {"compile_config": layer("Lambda")}]}),
            "(Lambda)",
        ),
    ],
)
def test_what_is_not_keras_own_is_refused_with_its_name(config, says):
    assert any(says in each for each in refused(config)), refused(config)


@given(values)
def test_any_json_is_judged(config):
    assert all(each.message for each in inspect_config(config))


@given(values)
def test_a_lambda_is_found_wherever_it_stands(config):
    assert refused([config, {"deep": [layer("Lambda", {"name": "evil"}), config]}])


def test_a_config_without_an_end_is_a_value_error():
    with pytest.raises(ValueError, match="too many parts"):
        list(inspect_config([[0] * 1000] * 6_000))


def test_every_layer_of_keras_is_known(keras):
    import inspect

    for module in (keras.layers, keras.initializers, keras.regularizers, keras.dtype_policies):
        classes = {name for name, value in vars(module).items() if inspect.isclass(value)}
        assert classes <= CLASSES | MARKERS | RUNNING.keys()


def test_every_layer_of_keras_2_is_known():
    from tf_keras.src.layers import serialization

    serialization.populate_deserializable_objects()
    known = serialization.LOCAL.ALL_OBJECTS
    classes = {name for name, value in known.items() if isinstance(value, type)}
    assert classes <= CLASSES | MARKERS | RUNNING.keys()
