"""How calls arrive: gRPC over ASGI under Envoy, or grpcio where Envoy cannot run."""
