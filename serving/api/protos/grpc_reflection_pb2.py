"""The messages of ``grpc_reflection.proto``; typed by the stub beside this file."""

from serving.api.protos import pool

globals().update(pool.names("grpc_reflection.proto"))
