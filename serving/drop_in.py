"""``tensorflow_model_server``'s flags that have nothing to set here.

Somebody's compose file gives them; the server starts all the same and says of each why it
does nothing.  The flags that do something are fields of ``serving.config``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

_POOLS = "calls run on one event loop; see --lanes and --intra_op_threads"
_WORKER = "TensorFlow runs in a worker process of its own, on the CPU"
_LITE = "TensorFlow Lite models are converted by `easel export`"

WITHOUT_EFFECT: Mapping[str, str] = {
    "allow_version_labels_for_unavailable_models": "version labels may always be given before",
    "enable_grpc_healthcheck_service": "the health service is always on",
    "enable_model_warmup": "versions are always warmed before they are called ready",
    "enable_profiler": "py-spy and perf look into a running server without it",
    "enable_serialization_as_tensor_content": "numeric tensors are always sent that way",
    "enable_signature_method_name_check": "method names are always checked",
    "flush_filesystem_caches": "the system decides what it keeps in memory",
    "grpc_channel_arguments": "gRPC is not spoken by grpc's own library here",
    "grpc_max_threads": _POOLS,
    "mixed_precision": "a version is served as it was exported",
    "num_load_threads": "versions are loaded one after the other, beside the traffic",
    "num_request_iterations_for_warmup": "the number of runs before a version is ready is fixed",
    "num_tflite_interpreters_per_pool": _LITE,
    "num_tflite_pools": _LITE,
    "num_unload_threads": "versions are unloaded one after the other, beside the traffic",
    "per_process_gpu_memory_fraction": _WORKER,
    "platform_config_file": _WORKER,
    "prefer_tflite_model": _LITE,
    "remove_unused_fields_from_bundle_metagraph": "graphs are not kept after they are loaded",
    "rest_api_num_threads": _POOLS,
    "saved_model_tags": "the tag is always `serve`",
    "skip_initialize_tpu": _WORKER,
    "tensorflow_inter_op_parallelism": _POOLS,
    "tensorflow_intra_op_parallelism": _POOLS,
    "tensorflow_session_parallelism": _POOLS,
    "tensorflow_session_config_file": _WORKER,
    "thread_pool_factory_config_file": _POOLS,
    "use_alts_credentials": "ALTS exists in Google's cloud only; see --tls_certificate",
    "use_tflite_model": _LITE,
    "xla_cpu_compilation_enabled": _WORKER,
}

# What TF Serving calls otherwise than we do.
OTHER_NAMES: Mapping[str, str] = {
    "load_retry_interval_micros": "load_retries_interval_micros",
    "rest_api_enable_cors_support": "enable_cors_support",
}


def add_other_names(parser: argparse.ArgumentParser) -> None:
    """Let *parser* take settings by TF Serving's name too; ``--help`` lists ours only."""
    for name, setting in OTHER_NAMES.items():
        parser.add_argument(
            f"--{name}", dest=setting, nargs="?", const="true", help=argparse.SUPPRESS
        )


def add_flags_without_effect(parser: argparse.ArgumentParser) -> None:
    """Let *parser* take them, with a value or without; ``--help`` does not list them."""
    for name in WITHOUT_EFFECT:
        parser.add_argument(f"--{name}", nargs="?", const="true", help=argparse.SUPPRESS)


def explain_flags_without_effect(flags: argparse.Namespace) -> Iterator[str]:
    """A sentence for each of them that was given."""
    for name, why in WITHOUT_EFFECT.items():
        if getattr(flags, name, None) is not None:
            yield f"--{name} has no effect: {why}"
