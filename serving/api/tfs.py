"""TF Serving's messages <-> numpy arrays.

Rules are those of TensorFlow's ``Tensor::FromProto`` (tensorflow/core/framework/tensor.cc):
``tensor_content`` wins over the typed fields; a typed field that is too short is filled up
with its last value; one that is too long is an error here, where TensorFlow cuts it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from model_store.errors import InvalidRequest
from model_store.spec import DEFAULT_SIGNATURE, Method, ModelVersion, Signature, TensorSpec
from serving.api.calls import Answer, ModelRef, Prediction, Tensor, dtype_name
from serving.api.protos import tensorflow_pb2 as tf
from serving.api.protos import tensorflow_serving_inference_pb2 as inference
from serving.api.protos import tensorflow_serving_pb2 as pb
from serving.api.wire import narrow, parse

PREDICT = "/tensorflow.serving.PredictionService/Predict"
GET_MODEL_METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
GET_MODEL_STATUS = "/tensorflow.serving.ModelService/GetModelStatus"

METHOD_NAMES: Mapping[Method, str] = {
    "predict": "tensorflow/serving/predict",
    "classify": "tensorflow/serving/classify",
    "regress": "tensorflow/serving/regress",
}

_DTYPES: Mapping[str, tf.DataType.ValueType] = {
    "float32": tf.DT_FLOAT,
    "float64": tf.DT_DOUBLE,
    "float16": tf.DT_HALF,
    "bfloat16": tf.DT_BFLOAT16,
    "int8": tf.DT_INT8,
    "int16": tf.DT_INT16,
    "int32": tf.DT_INT32,
    "int64": tf.DT_INT64,
    "uint8": tf.DT_UINT8,
    "uint16": tf.DT_UINT16,
    "uint32": tf.DT_UINT32,
    "uint64": tf.DT_UINT64,
    "bool": tf.DT_BOOL,
    "bytes": tf.DT_STRING,
}
_NUMPY: Mapping[int, np.dtype[Any]] = {
    number: np.dtype(object if name == "bytes" else name) for name, number in _DTYPES.items()
}
_FIELDS: Mapping[int, str] = {
    tf.DT_FLOAT: "float_val",
    tf.DT_DOUBLE: "double_val",
    tf.DT_HALF: "half_val",
    tf.DT_BFLOAT16: "half_val",
    tf.DT_INT8: "int_val",
    tf.DT_INT16: "int_val",
    tf.DT_INT32: "int_val",
    tf.DT_INT64: "int64_val",
    tf.DT_UINT8: "int_val",
    tf.DT_UINT16: "int_val",
    tf.DT_UINT32: "uint32_val",
    tf.DT_UINT64: "uint64_val",
    tf.DT_BOOL: "bool_val",
    tf.DT_STRING: "string_val",
}
_MAX_ELEMENTS = 2**31
_INT32 = np.dtype(np.int32)


def decode_tensor(name: str, proto: tf.TensorProto) -> Tensor:
    """Read one tensor; numeric ones share the message's memory and cannot be written.

    Raises:
        InvalidRequest: The dtype is not served, or data and shape do not agree.
    """
    dtype = _NUMPY.get(proto.dtype)
    if dtype is None:
        raise InvalidRequest(f"input {name!r}: dtype {_dtype_text(proto.dtype)} is not supported")
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise InvalidRequest(f"input {name!r}: the shape must be fully known, got {list(shape)}")
    elements = math.prod(shape)
    if elements > _MAX_ELEMENTS:
        raise InvalidRequest(f"input {name!r}: shape {list(shape)} has too many elements")
    if proto.tensor_content and dtype != np.object_:
        if len(proto.tensor_content) != elements * dtype.itemsize:
            raise InvalidRequest(
                f"input {name!r}: tensor_content has {len(proto.tensor_content)} bytes, "
                f"shape {list(shape)} of {dtype.name} needs {elements * dtype.itemsize}"
            )
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
    return _from_values(name, proto, dtype, elements).reshape(shape)


def _from_values(name: str, proto: tf.TensorProto, dtype: np.dtype[Any], elements: int) -> Tensor:
    values: Sequence[Any] = getattr(proto, _FIELDS[proto.dtype])
    if len(values) > elements:
        raise InvalidRequest(
            f"input {name!r}: {len(values)} values are too many for {elements} elements"
        )
    given = _read_values(proto, values, dtype)
    filler: Any = given[-1] if len(given) else (b"" if dtype == np.object_ else 0)
    tensor = np.full(elements, filler, dtype)
    tensor[: len(given)] = given
    return tensor


def _read_values(proto: tf.TensorProto, values: Sequence[Any], dtype: np.dtype[Any]) -> Tensor:
    if dtype == np.object_:
        strings = np.empty(len(values), object)
        strings[:] = values
        return strings
    if proto.dtype in (tf.DT_HALF, tf.DT_BFLOAT16):  # as bits
        return narrow(values, _INT32, np.dtype(np.uint16)).view(dtype)
    return narrow(values, _INT32 if _FIELDS[proto.dtype] == "int_val" else dtype, dtype)


def encode_tensor(tensor: Tensor) -> tf.TensorProto:
    """Write one tensor, numeric ones as ``tensor_content``."""
    proto = tf.TensorProto(dtype=_DTYPES[dtype_name(tensor)])
    for size in tensor.shape:
        proto.tensor_shape.dim.add().size = size
    # Not an else of the rank: a scalar has a shape too, an empty one.
    proto.tensor_shape.SetInParent()
    if tensor.dtype == np.object_:
        proto.string_val.extend(tensor.ravel().tolist())
    else:
        proto.tensor_content = tensor.tobytes()
    return proto


def decode_predict_request(data: bytes) -> Prediction:
    """Read a PredictRequest.

    Raises:
        InvalidRequest: It is not one, or does not say which model.
    """
    request = parse(pb.PredictRequest, data)
    return Prediction(
        model=decode_model_spec(request),
        inputs={name: decode_tensor(name, proto) for name, proto in request.inputs.items()},
        outputs=tuple(request.output_filter),
        signature=request.model_spec.signature_name or DEFAULT_SIGNATURE,
    )


def encode_predict_request(prediction: Prediction) -> bytes:
    """Write a PredictRequest, for a client."""
    request = pb.PredictRequest(output_filter=prediction.outputs)
    request.model_spec.CopyFrom(encode_model_ref(prediction.model))
    request.model_spec.signature_name = prediction.signature
    for name, tensor in prediction.inputs.items():
        request.inputs[name].CopyFrom(encode_tensor(tensor))
    return request.SerializeToString()


def encode_predict_response(answer: Answer, signature: str) -> bytes:
    """Write a PredictResponse; its model_spec names the version that answered."""
    response = pb.PredictResponse(model_spec=model_spec(answer.model, signature))
    for name, tensor in answer.outputs.items():
        response.outputs[name].CopyFrom(encode_tensor(tensor))
    return response.SerializeToString()


def decode_predict_response(data: bytes) -> Answer:
    """Read a PredictResponse, for a client.

    Raises:
        InvalidRequest: It is not one.
    """
    response = parse(pb.PredictResponse, data)
    return Answer(
        ModelVersion(response.model_spec.name, response.model_spec.version.value),
        {name: decode_tensor(name, proto) for name, proto in response.outputs.items()},
    )


def decode_model_spec(
    request: (
        pb.PredictRequest
        | pb.GetModelMetadataRequest
        | pb.GetModelStatusRequest
        | inference.ClassificationRequest
        | inference.RegressionRequest
    ),
) -> ModelRef:
    """Read which servable is asked for.

    Raises:
        InvalidRequest: The message has no spec, or the spec no name.
    """
    if not request.HasField("model_spec"):
        raise InvalidRequest("Missing ModelSpec")
    return decode_model_ref(request.model_spec)


def decode_model_ref(spec: pb.ModelSpec) -> ModelRef:
    """Read which servable is asked for, of a message that has a spec.

    Raises:
        InvalidRequest: The spec has no name.
    """
    if not spec.name:
        raise InvalidRequest("ModelSpec has no name specified.")
    choice = spec.WhichOneof("version_choice")
    return ModelRef(
        spec.name,
        version=spec.version.value if choice == "version" else None,
        label=spec.version_label if choice == "version_label" else None,
    )


def encode_model_ref(ref: ModelRef) -> pb.ModelSpec:
    """Write which servable is asked for, for a client."""
    spec = pb.ModelSpec(name=ref.name)
    if ref.version is not None:
        spec.version.value = ref.version
    elif ref.label is not None:
        spec.version_label = ref.label
    return spec


def signature_def_map(signatures: Mapping[str, Signature]) -> pb.SignatureDefMap:
    """Signatures as TensorFlow describes them."""
    found = pb.SignatureDefMap()
    for name, signature in signatures.items():
        definition = found.signature_def[name]
        definition.method_name = METHOD_NAMES[signature.method]
        for spec in signature.inputs:
            definition.inputs[spec.name].CopyFrom(_tensor_info(spec))
        for spec in signature.outputs:
            definition.outputs[spec.name].CopyFrom(_tensor_info(spec))
    return found


def encode_metadata(model: ModelVersion, signatures: Mapping[str, Signature]) -> bytes:
    """Write a GetModelMetadataResponse with ``signature_def``, the only field there is."""
    response = pb.GetModelMetadataResponse(model_spec=model_spec(model))
    field = response.metadata["signature_def"]
    field.type_url = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    field.value = signature_def_map(signatures).SerializeToString()
    return response.SerializeToString()


def _tensor_info(spec: TensorSpec) -> tf.TensorInfo:
    info = tf.TensorInfo(name=f"{spec.name}:0", dtype=_DTYPES[spec.dtype])
    info.tensor_shape.unknown_rank = spec.shape is None
    for size in spec.shape or ():
        info.tensor_shape.dim.add().size = -1 if size is None else size
    info.tensor_shape.SetInParent()
    return info


def model_spec(model: ModelVersion, signature: str = "") -> pb.ModelSpec:
    """Write which servable answered."""
    spec = pb.ModelSpec(name=model.name, signature_name=signature)
    spec.version.value = model.number
    return spec


def _dtype_text(number: int) -> str:
    known = tf.DataType.DESCRIPTOR.values_by_number
    return known[number].name if number in known else str(number)
