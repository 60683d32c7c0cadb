"""Real models whose graphs were tampered with: the layer is named where it was done."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from export.parity.divergence import find_divergence


def found_in(model):
    return find_divergence(model.graph, model.feeds, model.witness)


def weight_of(part, proto):
    """The weights that a node whose name or weights' names have *part* in them reads."""
    weights = {weight.name: weight for weight in proto.graph.initializer}
    for node in proto.graph.node:
        for name in node.input:
            is_meant = part in name or part in node.name
            if is_meant and name in weights and numpy_helper.to_array(weights[name]).size > 4:
                return weights[name]
    raise AssertionError(part)


def change_weight(part):
    def change(proto):
        weight = weight_of(part, proto)
        values = numpy_helper.to_array(weight)
        weight.CopyFrom(numpy_helper.from_array(values * np.float32(1.5), weight.name))

    return change


def node_of(part, op_type, proto):
    return next(n for n in proto.graph.node if n.op_type == op_type and part in n.name)


@pytest.mark.parametrize(
    ("model", "layer", "op_type", "before"),
    [
        ("cnn", "deep", "Conv", "relu_a"),
        ("cnn", "hidden", "MatMul", "flat"),
        ("cnn", "scores", "MatMul", "hidden"),
        ("branches", "stem", "Conv", "pic"),
        ("branches", "left", "Conv", "stem"),
        ("branches", "two", "MatMul", "gap"),
        ("text", "embed", "Gather", "ids"),
        ("text", "out", "MatMul", "mean"),
    ],
)
def test_a_changed_weight_is_found_in_its_layer(altered, model, layer, op_type, before):
    found = found_in(altered(model, change_weight(f"/{layer}_1/")))
    assert (found.layer, found.op_type, found.last_equal) == (layer, op_type, before)
    assert layer in found.node
    assert 0 < found.max_abs_error < np.inf


def test_a_layer_that_was_merged_with_its_normalising_is_named_with_the_merged_node(altered):
    for part in ("/conv_a_1/", "/norm_a_1/"):
        found = found_in(altered("cnn", change_weight(part)))
        assert (found.layer, found.op_type) == ("conv_a", "Conv")
    found = found_in(altered("branches", change_weight("/right_1/")))
    assert (found.layer, found.op_type, found.last_equal) == ("right", "Conv", "stem")


def test_a_recurrent_layer_is_found_although_its_names_are_the_converters(altered):
    def change(proto):
        (node,) = [node for node in proto.graph.node if node.op_type == "LSTM"]
        weight = next(one for one in proto.graph.initializer if one.name == node.input[2])
        values = numpy_helper.to_array(weight)
        weight.CopyFrom(numpy_helper.from_array(values[:, ::-1].copy(), weight.name))

    found = found_in(altered("text", change))
    assert (found.layer, found.op_type, found.last_equal) == ("lstm", "LSTM", "embed")


def test_attention_is_found_at_the_first_of_its_many_nodes(altered):
    def change(proto):
        (softmax,) = [node for node in proto.graph.node if node.op_type == "Softmax"]
        softmax.attribute.append(helper.make_attribute("axis", 1))
        del softmax.attribute[:-1]

    found = found_in(altered("text", change))
    assert (found.layer, found.last_equal) == ("attend", "lstm")
    assert "Softmax" in found.operations


def test_a_changed_attribute_is_found(altered):
    def change(proto):
        pool = node_of("pool", "MaxPool", proto)
        pool.op_type = "AveragePool"

    found = found_in(altered("cnn", change))
    assert (found.layer, found.op_type, found.last_equal) == ("pool", "AveragePool", "relu_b")


def test_a_changed_limit_is_found(altered):
    def change(proto):
        clip = node_of("relu_b", "Clip", proto)
        for at in (1, 2):
            value = next(one for one in proto.graph.initializer if one.name == clip.input[at])
            value.CopyFrom(numpy_helper.from_array(np.float32(at * 0.2), value.name))

    assert found_in(altered("cnn", change)).layer == "relu_b"


def test_a_softmax_that_became_zero_is_found(altered):
    def change(proto):
        softmax = node_of("scores", "Softmax", proto)
        (output,) = softmax.output
        softmax.output[0] = "was_scores"
        proto.graph.initializer.append(numpy_helper.from_array(np.float32(0), "nothing"))
        proto.graph.node.append(helper.make_node("Mul", ["was_scores", "nothing"], [output]))

    found = found_in(altered("cnn", change))
    assert (found.layer, found.last_equal) == ("hidden", "flat") or found.layer == "scores"
    assert found.operations == ("Mul",)


def test_an_operation_that_was_left_out_is_named_though_no_node_has_its_name(altered):
    def change(proto):
        relu = node_of("relu_a", "Relu", proto)
        for node in proto.graph.node:
            for at, name in enumerate(node.input):
                if name == relu.output[0]:
                    node.input[at] = relu.input[0]
        proto.graph.node.remove(relu)

    found = found_in(altered("cnn", change))
    assert (found.layer, found.op_type, found.last_equal) == ("relu_a", "Conv", "norm_a")
    assert "deep" in found.node


def without_names(proto):
    """As converters leave it that name nothing after layers."""
    fixed = {value.name for value in (*proto.graph.input, *proto.graph.output)}
    names = {"": ""}

    def short(name):
        return name if name in fixed else names.setdefault(name, f"t{len(names)}")

    for weight in proto.graph.initializer:
        weight.name = short(weight.name)
    for number, node in enumerate(proto.graph.node):
        node.name = f"node_{number}"
        for side in (node.input, node.output):
            for at, name in enumerate(side):
                side[at] = short(name)
    del proto.graph.value_info[:]


@pytest.mark.parametrize(
    ("model", "layer"),
    [("cnn", "deep"), ("cnn", "hidden"), ("cnn", "conv_a"), ("text", "out"), ("branches", "stem")],
)
def test_values_alone_find_the_layer_where_names_do_not_help(altered, model, layer):
    def change(proto):
        change_weight(f"/{layer}_1/")(proto)
        without_names(proto)

    assert found_in(altered(model, change)).layer == layer


def test_names_inside_models_and_of_repeated_calls_are_recognised(altered):
    model = altered("branches", change_weight("/left_1/"))
    renamed = [(f"encoder/{name}#2", outputs) for name, outputs in model.witness.layers]
    witness = replace(model.witness, layers=renamed)
    assert find_divergence(model.graph, model.feeds, witness).layer == "encoder/left#2"
    renamed = [(f"0.block: {name}", outputs) for name, outputs in model.witness.layers]
    witness = replace(model.witness, layers=iter(renamed))
    assert find_divergence(model.graph, model.feeds, witness).layer == "0.block: left"


def test_rounding_that_comes_near_the_tolerance_is_not_taken_for_the_place(altered):
    model = altered("cnn", change_weight("/hidden_1/"))
    noise = np.random.default_rng(0)
    layers = [
        (
            name,
            {"out": np.float32(out["out"] * noise.uniform(1 - 2e-4, 1 + 2e-4, out["out"].shape))},
        )
        for name, out in model.witness.layers
    ]
    witness = replace(model.witness, layers=layers)
    assert find_divergence(model.graph, model.feeds, witness).layer == "hidden"


@pytest.mark.parametrize("model", ["cnn", "branches", "text"])
def test_in_an_untouched_graph_nothing_is_found(models, model):
    assert found_in(models[model]) is None


def test_a_source_that_cannot_look_inside_itself_gives_no_layer(altered):
    assert found_in(altered("cnn", change_weight("/deep_1/")).without_layers()) is None


def test_a_graph_that_cannot_be_run_gives_no_layer(altered):
    def change(proto):
        node_of("deep", "Conv", proto).op_type = "NoSuchOperation"

    assert found_in(altered("cnn", change)) is None


def test_the_graph_on_disk_is_left_as_it_was(models):
    before = models["cnn"].graph.read_bytes()
    found_in(models["cnn"])
    assert models["cnn"].graph.read_bytes() == before
    assert len(onnx.load(models["cnn"].graph).graph.output) == 1
