"""Which of TensorFlow's operations reach out of the graph: files, network, processes, Python.

A name is suspected by its parts, so that an operation of a later TensorFlow is suspected as
well; a test holds the pattern against every operation that TensorFlow registers.
"""

from __future__ import annotations

import re

# Written and read by the saver; harmless where only the saver reaches them.
SAVER = frozenset({
    "Save", "SaveV2", "SaveSlices", "MergeV2Checkpoints", "Restore", "RestoreV2", "RestoreSlice",
})  # fmt: skip
RESTORE = frozenset({"Restore", "RestoreV2", "RestoreSlice"})
# Reads a vocabulary, which must be one of the model's own assets.
TEXT_FILE_TABLES = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
# Attributes that name a file where they are not empty.
FILE_ATTRIBUTES = {
    "FixedUnigramCandidateSampler": "vocab_file",
    "PrintV2": "output_stream",
    "DecodeProtoV2": "descriptor_source",
    "EncodeProto": "descriptor_source",
}
HARMLESS_VALUES = frozenset({
    "", "stdout", "stderr", "log(info)", "log(warning)", "log(error)", "local://",
})  # fmt: skip

_PYTHON = re.compile(r"PyFunc|PythonOp")
_NETWORK = re.compile(
    r"Rpc|Remote|Send|Recv|DataService|RegisterDataset|Collective|^Debug(Identity|Nan|Numeric)"
)
_FILES = re.compile(
    r"File|Save|Restore|Checkpoint|Snapshot(Dataset|Chunk|Nested)|ListSnapshot|Reader"
    r"|SummaryWriter|SummaryDb|^Write|^Load|^Dump|LMDB|Sql|CSV|TextLine|Record|CacheDataset"
    r"|VocabRemapping|ImmutableConst|LoadAndRemap|^Skipgram$"
)
_PROCESS = re.compile(r"^Abort$|CustomCall|EngineOp$|Shell|Subprocess")
# Only put strings together.
_NOT_FILES = frozenset({"ShardedFilename", "ShardedFilespec", "IdentityReader", "IdentityReaderV2"})


def harm_of(operation: str) -> str:
    """What the operation does beyond computing, as a clause; empty if nothing."""
    if operation in _NOT_FILES or operation in TEXT_FILE_TABLES:
        return ""
    if _PYTHON.search(operation):
        return "runs Python code"
    if _PROCESS.search(operation):
        return "runs native code or ends the process"
    if _NETWORK.search(operation):
        return "talks to other machines"
    if _FILES.search(operation):
        return "reads or writes files"
    return ""
