"""How calls arrive: one ASGI application that speaks gRPC."""
