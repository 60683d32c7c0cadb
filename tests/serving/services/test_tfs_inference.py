"""TF Serving's Classify, Regress and MultiInference, over gRPC's bytes and over REST."""

from __future__ import annotations

import json
import shutil

import pytest

from model_store.errors import EaselError, InvalidRequest, Unsupported
from serving.api import tfs_examples
from serving.api.protos import tensorflow_example_pb2 as ex
from serving.api.protos import tensorflow_serving_inference_pb2 as pb
from serving.api.protos import tensorflow_serving_pb2 as tfs_pb
from serving.config import ServerConfig
from serving.engine.deployment import ModelConfig
from serving.server import build_engine
from serving.services.http import HttpRequest
from serving.services.methods import Call
from serving.services.tfs import tfs_methods
from serving.services.tfs_rest import tfs_http_api
from tests.serving.services.classifiers import example, given, publish_classifiers

TWO = given(example(x=[0.1, 0.5, 0.2]), example(x=[0.9, 0.0, 0.3]))
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    publish_classifiers(root)
    return root


@pytest.fixture
async def engine(store):
    engine = build_engine(ServerConfig(store=str(store)))
    await engine.load_all()
    yield engine
    engine.close()


@pytest.fixture
def ask(engine):
    """Call a gRPC method with a message; the answer as *kind*."""
    methods = tfs_methods(engine)

    async def ask(method: str, request, kind, call: Call | None = None):
        return kind.FromString(
            await methods[method].handle(request.SerializeToString(), call or Call())
        )

    return ask


@pytest.fixture
def post(engine):
    api = tfs_http_api(engine)

    async def post(path: str, body: object):
        request = HttpRequest("POST", f"/v1/models/{path}", body=json.dumps(body).encode())
        return json.loads((await api(request, Call())).body)

    return post


def spec(signature: str = "", name: str = "best_first", **more) -> tfs_pb.ModelSpec:
    return tfs_pb.ModelSpec(name=name, signature_name=signature, **more)


def classification(signature: str = "", wanted: pb.Input = TWO, name: str = "best_first"):
    return pb.ClassificationRequest(model_spec=spec(signature, name), input=wanted)


def regression(signature: str = "sum", wanted: pb.Input = TWO):
    return pb.RegressionRequest(model_spec=spec(signature), input=wanted)


def pairs(result: pb.ClassificationResult) -> list[list[tuple[str, float]]]:
    return [
        [(item.label, round(item.score, 6)) for item in each.classes]
        for each in result.classifications
    ]


# --- classification -------------------------------------------------------------------


async def test_classes_come_with_their_scores_and_the_version(ask):
    call = Call()
    answer = await ask(tfs_examples.CLASSIFY, classification(), pb.ClassificationResponse, call)
    assert pairs(answer.result) == [
        [("green", 0.5), ("blue", 0.2), ("red", 0.1)],
        [("red", 0.9), ("blue", 0.3), ("green", 0.0)],
    ]
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("best_first", 1)
    assert answer.model_spec.signature_name == "serving_default"
    assert (str(call.asked), str(call.answer.model)) == ("best_first", "best_first/1")


async def test_scores_alone_get_the_versions_class_labels(ask):
    answer = await ask(
        tfs_examples.CLASSIFY, classification("only_scores"), pb.ClassificationResponse
    )
    # The third class has no line in labels.txt.
    assert pairs(answer.result)[0] == [("a", 0.5), ("b", 0.2), ("", 0.1)]


async def test_classes_alone_have_no_score(ask):
    answer = await ask(
        tfs_examples.CLASSIFY, classification("only_classes"), pb.ClassificationResponse
    )
    assert pairs(answer.result)[0] == [("green", 0.0), ("blue", 0.0), ("red", 0.0)]


async def test_what_the_examples_share_is_overruled_by_their_own(ask):
    shared = example(x=[0.0, 0.0, 1.0])
    wanted = given(ex.Example(), example(x=[1.0, 0.0, 0.0]), context=shared)
    answer = await ask(tfs_examples.CLASSIFY, classification("", wanted), pb.ClassificationResponse)
    assert [row[0][0] for row in pairs(answer.result)] == ["blue", "red"]


async def test_a_model_that_reads_examples_itself_gets_them_serialized(ask):
    shared, own = example(a=[b"shared"]), example(b=[b"own"])
    answer = await ask(
        tfs_examples.CLASSIFY,
        classification("", given(own, context=shared), "echo"),
        pb.ClassificationResponse,
    )
    label = answer.result.classifications[0].classes[0].label
    assert ex.Example.FromString(label.encode()) == example(a=[b"shared"], b=[b"own"])


async def test_a_saved_model_parses_the_examples_in_its_graph(store, saved_models, tmp_path):
    shutil.copytree(saved_models / "many", tmp_path / "many" / "1")
    engine = build_engine(ServerConfig(store=str(store)))
    try:
        await engine.load_all([ModelConfig("many", tmp_path / "many", needs_manifest=False)])
        wanted = given(example(x=[0.0, 0.0]), example(x=[5.0, 5.0]))
        request = classification("classify", wanted, "many").SerializeToString()
        answer = await tfs_methods(engine)[tfs_examples.CLASSIFY].handle(request, Call())
        result = pb.ClassificationResponse.FromString(answer).result
        assert pairs(result) == [[("left", 0.5), ("right", 0.5)]] * 2
        broken = classification("classify", given(example(y=[1.0])), "many").SerializeToString()
        with pytest.raises(InvalidRequest, match="Feature: x"):
            await tfs_methods(engine)[tfs_examples.CLASSIFY].handle(broken, Call())
    finally:
        engine.close()


# --- regression -----------------------------------------------------------------------


async def test_a_regression_is_a_number_for_each_example(ask):
    answer = await ask(tfs_examples.REGRESS, regression(), pb.RegressionResponse)
    assert [each.value for each in answer.result.regressions] == pytest.approx([0.8, 1.2])
    assert (answer.model_spec.version.value, answer.model_spec.signature_name) == (1, "sum")


async def test_the_names_of_its_tensors_say_that_a_signature_is_for_regression(ask):
    request = regression("", given(example(inputs=[1.5]), example(inputs=[2.5])))
    request.model_spec.name = "same"
    answer = await ask(tfs_examples.REGRESS, request, pb.RegressionResponse)
    assert [each.value for each in answer.result.regressions] == [1.5, 2.5]


# --- several at once ------------------------------------------------------------------


def tasks(*wanted: tuple[str, str], name: str = "best_first") -> pb.MultiInferenceRequest:
    return pb.MultiInferenceRequest(
        tasks=[
            pb.InferenceTask(model_spec=spec(signature, name), method_name=method)
            for signature, method in wanted
        ],
        input=TWO,
    )


async def test_several_signatures_answer_one_input(ask):
    request = tasks(("", CLASSIFY), ("sum", REGRESS))
    answer = await ask(tfs_examples.MULTI_INFERENCE, request, pb.MultiInferenceResponse)
    first, second = answer.results
    assert pairs(first.classification_result)[1][0] == ("red", 0.9)
    assert [each.value for each in second.regression_result.regressions] == pytest.approx(
        [0.8, 1.2]
    )
    assert [each.model_spec.signature_name for each in answer.results] == ["serving_default", "sum"]
    assert {each.model_spec.version.value for each in answer.results} == {1}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (pb.MultiInferenceRequest(), "ModelSpec has no name specified."),
        (tasks(("", CLASSIFY), ("serving_default", CLASSIFY)),
         "Duplicate evaluation of signature: serving_default"),
        (tasks(("", CLASSIFY), name=""), "Found ModelSpec with an empty model name."),
        (pb.MultiInferenceRequest(tasks=[*tasks(("", CLASSIFY)).tasks,
                                         *tasks(("", CLASSIFY), name="echo").tasks], input=TWO),
         "All ModelSpecs in a MultiInferenceRequest must access the same model name."),
        (tasks(("nope", CLASSIFY)), "Requested signature not found in model graph: nope"),
        (tasks(("sum", CLASSIFY)),
         f"Expected classification signature method_name to be {CLASSIFY}. Was: {REGRESS}"),
        (pb.MultiInferenceRequest(tasks=tasks(("", CLASSIFY)).tasks), "Input is empty."),
    ],
)  # fmt: skip
async def test_tasks_that_do_not_go_together_are_refused(ask, request_, message):
    with pytest.raises(InvalidRequest) as raised:
        await ask(tfs_examples.MULTI_INFERENCE, request_, pb.MultiInferenceResponse)
    assert str(raised.value) == message


async def test_another_kind_of_task_is_not_implemented(ask):
    request = tasks(("tensors", "tensorflow/serving/predict"))
    with pytest.raises(Unsupported, match="Unsupported signature method_name: tensorflow/serving"):
        await ask(tfs_examples.MULTI_INFERENCE, request, pb.MultiInferenceResponse)


# --- failures -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (pb.ClassificationRequest(input=TWO), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (classification(name=""), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (classification(name="nope"), "NOT_FOUND",
         "Servable not found for request: Latest(nope)"),
        (classification("nope"), "INVALID_ARGUMENT", "No signature was found with the name: nope"),
        (classification("tensors"), "INVALID_ARGUMENT",
         f"Expected classification signature method_name to be {CLASSIFY}. "
         "Was: tensorflow/serving/predict"),
        (classification("not_classes"), "INVALID_ARGUMENT",
         'Expected classification signature outputs to contain at least one of "classes" or '
         '"scores". Signature was: total: float32[N, 1]'),
        (classification("", pb.Input()), "INVALID_ARGUMENT", "Input is empty."),
        (classification("", given(example(y=[1.0]))), "INVALID_ARGUMENT",
         "feature 'x' of example 0 is missing"),
    ],
)  # fmt: skip
async def test_a_classification_that_cannot_be_is_told_why(ask, request_, code, message):
    with pytest.raises(EaselError) as raised:
        await ask(tfs_examples.CLASSIFY, request_, pb.ClassificationResponse)
    assert (raised.value.code.name, str(raised.value)) == (code, message)


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("", f"Expected regression signature method_name to be {REGRESS}. Was: {CLASSIFY}"),
        ("not_a_number",
         "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
         "but got [2, 3]"),
    ],
)  # fmt: skip
async def test_a_regression_that_cannot_be_is_told_why(ask, signature, message):
    with pytest.raises(InvalidRequest) as raised:
        await ask(tfs_examples.REGRESS, regression(signature), pb.RegressionResponse)
    assert str(raised.value) == message


# --- REST -----------------------------------------------------------------------------


async def test_rest_classifies_and_regresses(post):
    body = {"examples": [{"x": [0.1, 0.5, 0.25]}, {"x": [0.5, 0.25, 1e-7]}]}
    assert await post("best_first:classify", body) == {
        "results": [
            [["green", 0.5], ["blue", 0.25], ["red", 0.1]],
            [["red", 0.5], ["green", 0.25], ["blue", 1e-07]],
        ]
    }
    assert await post("best_first/versions/1:regress", body | {"signature_name": "sum"}) == {
        "results": [0.85, pytest.approx(0.7500001)]
    }


async def test_rest_takes_a_context(post):
    body = {"context": {"x": [0.0, 0.0, 1.0]}, "examples": [{}, {"x": [1.0, 0.0, 0.0]}]}
    answer = await post("best_first:classify", body)
    assert [row[0][0] for row in answer["results"]] == ["blue", "red"]


async def test_rest_tells_why_not(post):
    with pytest.raises(InvalidRequest, match="feature 'x' of example 1 must have 3 values, got 1"):
        await post("best_first:classify", {"examples": [{"x": [0.1, 0.2, 0.3]}, {"x": 0.5}]})
    with pytest.raises(InvalidRequest, match="must be a float_list, got a int64_list"):
        await post("best_first:classify", {"examples": [{"x": [1, 2, 3]}]})
    with pytest.raises(InvalidRequest, match="key 'examples' is expected and was not found"):
        await post("best_first:classify", {"instances": []})


async def test_the_metadata_names_each_signatures_method(engine):
    request = HttpRequest("GET", "/v1/models/best_first/metadata")
    answer = json.loads((await tfs_http_api(engine)(request, Call())).body)
    found = answer["metadata"]["signature_def"]["signature_def"]
    assert {name: found[name]["method_name"] for name in ("serving_default", "sum", "tensors")} == {
        "serving_default": CLASSIFY, "sum": REGRESS, "tensors": "tensorflow/serving/predict",
    }  # fmt: skip
