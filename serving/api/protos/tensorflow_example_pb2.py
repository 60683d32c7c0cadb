"""The messages of ``tensorflow_example.proto``; typed by the stub beside this file."""

from serving.api.protos import pool

globals().update(pool.names("tensorflow_example.proto"))
