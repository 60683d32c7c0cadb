"""``tensorflow_serving_services.proto`` has services and no messages; typed beside this file."""

from serving.api.protos import pool

globals().update(pool.names("tensorflow_serving_services.proto"))
