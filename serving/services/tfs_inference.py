"""TF Serving's Classify, Regress and MultiInference over the engine, in its words."""

from __future__ import annotations

from dataclasses import dataclass

from model_store.errors import InvalidRequest, Unsupported
from model_store.spec import Method, Signature
from serving.api import tfs_examples as examples
from serving.api.calls import Answer, Prediction
from serving.api.protos import tensorflow_serving_inference_pb2 as pb
from serving.api.tfs import METHOD_NAMES, model_spec
from serving.api.tfs_examples import ExampleCall, Task
from serving.api.tfs_results import CLASSES, SCORES, classification_result, regression_result
from serving.engine.engine import Engine
from serving.engine.servable import Servable
from serving.services.methods import Call, Methods, Unary
from serving.services.tfs_lookup import find

_INPUT = "inputs"
_OUTPUTS = {"classify": {CLASSES, SCORES}, "regress": {"outputs"}}
_NOUNS = {"classify": "classification", "regress": "regression"}


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a signature on examples, ready to start."""

    servable: Servable
    prediction: Prediction
    count: int


def inference_methods(engine: Engine) -> Methods:
    """The methods that take tf.Examples, by their full path."""

    async def classify_method(request: bytes, call: Call) -> bytes:
        wanted = examples.decode_classification(request)
        answer, result = await classify(engine, wanted, call)
        spec = model_spec(answer.model, wanted.signature)
        return pb.ClassificationResponse(model_spec=spec, result=result).SerializeToString()

    async def regress_method(request: bytes, call: Call) -> bytes:
        wanted = examples.decode_regression(request)
        answer, result = await regress(engine, wanted, call)
        spec = model_spec(answer.model, wanted.signature)
        return pb.RegressionResponse(model_spec=spec, result=result).SerializeToString()

    async def multi_inference(request: bytes, call: Call) -> bytes:
        tasks = examples.decode_multi_inference(request)
        call.asked = tasks[0].call.model
        servable = find(engine, tasks[0].call.model)
        runs = [_prepare_task(servable, task) for task in tasks]
        response = pb.MultiInferenceResponse()
        # One after the other, all checked before the first: a failure costs no other run.
        for task, run in zip(tasks, runs, strict=True):
            response.results.append(await _run_task(engine, task, run, call))
        return response.SerializeToString()

    return {
        examples.CLASSIFY: Unary(classify_method),
        examples.REGRESS: Unary(regress_method),
        examples.MULTI_INFERENCE: Unary(multi_inference),
    }


async def classify(
    engine: Engine, wanted: ExampleCall, call: Call
) -> tuple[Answer, pb.ClassificationResult]:
    """Run a classification.

    Raises:
        EaselError: As the engine; the signature is not for it, or the examples do not fit.
    """
    call.asked = wanted.model
    run = _prepare(find(engine, wanted.model), wanted, "classify")
    answer = await _start(engine, run, call)
    return answer, classification_result(answer.outputs, run.count, run.servable.labels)


async def regress(
    engine: Engine, wanted: ExampleCall, call: Call
) -> tuple[Answer, pb.RegressionResult]:
    """Run a regression.

    Raises:
        EaselError: As ``classify``.
    """
    call.asked = wanted.model
    run = _prepare(find(engine, wanted.model), wanted, "regress")
    answer = await _start(engine, run, call)
    return answer, regression_result(answer.outputs, run.count)


async def _start(engine: Engine, run: Run, call: Call) -> Answer:
    call.answer = answer = await engine.infer(run.servable, run.prediction, call.deadline)
    return answer


def _prepare(servable: Servable, wanted: ExampleCall, method: Method) -> Run:
    signature = servable.manifest.signatures.get(wanted.signature)
    if signature is None:
        raise InvalidRequest(f"No signature was found with the name: {wanted.signature}")
    _check_method(signature, method)
    tensors = examples.read_examples(wanted.examples, signature)
    prediction = Prediction(wanted.model, tensors, signature=wanted.signature)
    return Run(servable, prediction, len(wanted.examples))


def _check_method(signature: Signature, method: Method) -> None:
    inputs, outputs = (
        {spec.name for spec in specs} for specs in (signature.inputs, signature.outputs)
    )
    # TF Serving goes by the names: TensorFlow 2 saves every signature as one for prediction.
    if inputs == {_INPUT} and outputs and outputs <= _OUTPUTS[method]:
        return
    if signature.method != method:
        raise InvalidRequest(
            f"Expected {_NOUNS[method]} signature method_name to be {METHOD_NAMES[method]}. "
            f"Was: {METHOD_NAMES[signature.method]}"
        )
    if not inputs:
        raise InvalidRequest("Expected one input Tensor.")
    if method == "classify" and not outputs & _OUTPUTS[method]:
        raise InvalidRequest(
            "Expected classification signature outputs to contain at least one of "
            f'"{CLASSES}" or "{SCORES}". Signature was: {", ".join(map(str, signature.outputs))}'
        )
    if method == "regress" and len(outputs) != 1:
        raise InvalidRequest("Expected one output Tensor.")


def _prepare_task(servable: Servable, task: Task) -> Run:
    for method in ("classify", "regress"):
        if task.method_name == METHOD_NAMES[method]:
            if task.call.signature not in servable.manifest.signatures:
                raise InvalidRequest(
                    f"Requested signature not found in model graph: {task.call.signature}"
                )
            return _prepare(servable, task.call, method)
    raise Unsupported(f"Unsupported signature method_name: {task.method_name}")


async def _run_task(engine: Engine, task: Task, run: Run, call: Call) -> pb.InferenceResult:
    answer = await _start(engine, run, call)
    result = pb.InferenceResult(model_spec=model_spec(answer.model, task.call.signature))
    if task.method_name == METHOD_NAMES["classify"]:
        found = classification_result(answer.outputs, run.count, run.servable.labels)
        result.classification_result.CopyFrom(found)
    else:
        result.regression_result.CopyFrom(regression_result(answer.outputs, run.count))
    return result
