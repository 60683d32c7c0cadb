"""The messages of ``prediction_log.proto``; typed by the stub beside this file."""

from serving.api.protos import pool

globals().update(pool.names("prediction_log.proto"))
