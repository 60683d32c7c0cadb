"""The model server's settings: one frozen value, read once by the command."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Settings of ``easel serve``; each is a flag, ``EASEL_SERVE_NAME`` and a key of [serve].

    Attributes:
        store: Folder of the model store, or its URL in a bucket, such as s3://bucket/models.
        mirror_dir: Where the local copy of a bucket is; one in the user's cache if empty.
        mirror_poll_s: Seconds between looks at the bucket, at least 1.
        trusted_key: PEM file of a public key; only versions that it has signed are loaded.
        model_name: What callers call the model of `model_base_path`.
        model_base_path: Folder of one model to serve in place of the store; none if empty.
        model_config_file: File that lists the models to serve; wins over a base path.
        model_config_file_poll_wait_seconds: Seconds between looks at that file; 0 for one look.
        host: Address to listen on.
        port: gRPC's port; 0 lets the system choose.
        rest_api_port: HTTP's port; 0 lets the system choose. Both ports answer both.
        rest_api_timeout_in_ms: Longest time for one HTTP request; 0 for any.
        enable_cors_support: Whether pages of other origins may call.
        grpc_socket_path: A Unix domain socket to listen on too; none if empty.
        shared_memory: How shared memory begins that callers may name; / for all, none if empty.
        max_connection_age_s: Seconds after which clients are asked to connect anew; 0 for never.
        tls_certificate: PEM file of the server's certificates; encrypts both ports.
        tls_key: PEM file of their private key.
        tls_client_ca: PEM file of who signs the clients' certificates, which are then required.
        ssl_config_file: File with gRPC's key and certificates inside, as TF Serving has it.
        access_log: File for a line of JSON a call, or - for standard output; none if empty.
        otlp_endpoint: Where OpenTelemetry's collector takes traces; none if empty.
        trace_ratio: Share of the calls to trace that belong to no trace yet.
        enable_reflection: Whether gRPC tells tools what can be called.
        workers: Processes that share the ports, each with every model; 0 chooses.
        intra_op_threads: Threads of one run; 0 chooses, and `easel doctor` says why.
        lanes: Runs at the same time, of those too long for the event loop; 0 chooses.
        max_batch_rows: Rows of one run; longer requests are split.
        enable_batching: Whether the next two apply; waiting requests are joined in any case.
        batching_parameters_file: File that says how requests are joined, for every model.
        enable_per_model_batching_parameters: Whether a version's own such file wins.
        max_waiting_rows: Rows that may wait for a model; more are refused.
        max_queue_s: Expected seconds of waiting for a model, above which calls are refused.
        max_calls: Calls for models that may be in a process at once; more are refused unread.
        max_message_bytes: Longest message accepted.
        max_inflight_bytes: Of the requests that are in a process; 0 for a share of memory.
        drain_s: Seconds to finish calls after SIGTERM, and before a version is unloaded.
        file_system_poll_wait_seconds: Seconds between looks at the store; 0 for one look.
        max_num_load_retries: How often a load that failed is tried again, unless its files change.
        load_retries_interval_micros: Microseconds between these.
        monitoring_config_file: File that says where Prometheus' metrics are served as well.
        model_control: Whether callers who know the token may load and unload models.
        model_control_token: The token; other users of the machine can see a flag.
        model_control_token_file: A file that holds the token.
    """

    store: str = "model_store/models"
    mirror_dir: str = ""
    mirror_poll_s: float = 10.0
    trusted_key: str = ""
    model_name: str = "default"
    model_base_path: str = ""
    model_config_file: str = ""
    model_config_file_poll_wait_seconds: float = 0.0
    host: str = "127.0.0.1"
    port: int = 8500
    rest_api_port: int = 8501
    rest_api_timeout_in_ms: int = 30_000
    enable_cors_support: bool = False
    grpc_socket_path: str = ""
    shared_memory: str = ""
    max_connection_age_s: float = 0.0
    tls_certificate: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    ssl_config_file: str = ""
    access_log: str = ""
    otlp_endpoint: str = ""
    trace_ratio: float = 0.01
    enable_reflection: bool = True
    workers: int = 0
    intra_op_threads: int = 0
    lanes: int = 0
    max_batch_rows: int = 64
    enable_batching: bool = False
    batching_parameters_file: str = ""
    enable_per_model_batching_parameters: bool = False
    max_waiting_rows: int = 4096
    max_queue_s: float = 5.0
    max_calls: int = 2048
    max_message_bytes: int = 64 * 1024 * 1024
    max_inflight_bytes: int = 0
    drain_s: float = 20.0
    file_system_poll_wait_seconds: float = 1.0
    max_num_load_retries: int = 5
    load_retries_interval_micros: int = 60_000_000
    monitoring_config_file: str = ""
    model_control: bool = False
    model_control_token: str = ""
    model_control_token_file: str = ""
