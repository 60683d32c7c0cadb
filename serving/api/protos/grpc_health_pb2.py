"""The messages of ``grpc_health.proto``; typed by the stub beside this file."""

from serving.api.protos import pool

globals().update(pool.names("grpc_health.proto"))
