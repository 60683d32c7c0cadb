"""The messages of ``grpc_reflection_v1alpha.proto``; typed by the stub beside this file."""

from serving.api.protos import pool

globals().update(pool.names("grpc_reflection_v1alpha.proto"))
