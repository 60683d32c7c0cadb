"""The messages of ``torchserve_inference.proto``; typed by the stub beside this file."""

from serving.api.protos import pool

globals().update(pool.names("torchserve_inference.proto"))
