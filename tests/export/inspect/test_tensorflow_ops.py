from __future__ import annotations

import re

import pytest

from export.inspect.tensorflow_ops import FILE_ATTRIBUTES, SAVER, TEXT_FILE_TABLES, harm_of

ARGUMENT = re.compile(
    r"(^|_)(filenames?|files?|path|dir|directory|logdir|address|urls?|file_pattern|data_source_name"
    r"|db_uri|ckpt_path|prefix|vocab_file|descriptor_source|output_stream|memory_region_name)$"
)
# These have such an argument and open nothing.
HARMLESS = {
    "TensorSliceDataset", "ExperimentalSetStatsAggregatorDataset", "SetStatsAggregatorDataset",
    "CTCBeamSearchDecoder",
}  # fmt: skip


@pytest.fixture(scope="session")
def operations():
    """Every operation that TensorFlow registers, with its arguments' names."""
    import tensorflow as tf
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session

    assert tf.__version__
    listed = op_def_pb2.OpList()
    listed.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    return {
        op.name: [each.name for each in op.input_arg] + [each.name for each in op.attr]
        for op in listed.op
    }


def test_every_operation_that_is_given_a_file_or_an_address_is_suspected(operations):
    missed = [
        name
        for name, arguments in operations.items()
        if any(ARGUMENT.search(argument) for argument in arguments) and not harm_of(name)
    ]
    assert sorted(set(missed) - HARMLESS) == sorted(TEXT_FILE_TABLES | FILE_ATTRIBUTES.keys())


def test_the_savers_operations_are_among_them(operations):
    assert operations.keys() >= SAVER
    assert all(harm_of(name) for name in SAVER)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("PyFunc", "Python"),
        ("EagerPyFunc", "Python"),
        ("PyFuncStateless", "Python"),
        ("WriteFile", "files"),
        ("MatchingFiles", "files"),
        ("WholeFileReaderV2", "files"),
        ("TFRecordDatasetV2", "files"),
        ("ImmutableConst", "files"),
        ("DebugIdentityV3", "other machines"),
        ("RpcCall", "other machines"),
        ("_Send", "other machines"),
        ("Abort", "native code"),
        ("TRTEngineOp", "native code"),
        ("XlaCustomCallV2", "native code"),
    ],
)
def test_harm_is_told_in_a_clause(name, harm):
    assert harm in harm_of(name)


def test_operations_that_compute_are_not_suspected():
    for name in (
        "MatMul", "Conv2D", "ReadVariableOp", "TensorArrayWriteV3", "LookupTableFindV2", "While",
        "StatefulPartitionedCall", "DecodeJpeg", "RngReadAndSkip", "Snapshot", "StringSplitV2",
        "ShardedFilename", "MergeSummary", "Print", "Assert", "VarHandleOp", "RestridedSlice",
    ):  # fmt: skip
        assert harm_of(name) == "", name
