"""What Triton has and this server does not, and what is said to those who ask for it."""

from __future__ import annotations

from collections.abc import Sequence

_CUDA = "this server has nothing on a GPU; share the machine's own memory, or send the tensors"
_TRACES = "traces are configured when the server starts, not by its clients"
_LOG = "the log is configured when the server starts, not by its clients"
_GENERATE = "there is no generate extension here; send the tensors to the model's infer"

# By the gRPC method.
NOT_SUPPORTED = {
    **{f"CudaSharedMemory{verb}": _CUDA for verb in ("Status", "Register", "Unregister")},
    "TraceSetting": _TRACES,
    "LogSettings": _LOG,
}


def not_found(parts: Sequence[str]) -> str:
    """The message for a path that nothing answers, given without its ``/v2/``."""
    match parts:
        case ["trace", "setting"] | ["models", _, "trace", "setting"]:
            return _TRACES
        case ["logging"]:
            return _LOG
        case ["cudasharedmemory", *_]:
            return _CUDA
        case ["models", *_, "generate" | "generate_stream"]:
            return _GENERATE
    return "Not Found"
