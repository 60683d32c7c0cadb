"""An ASGI server for HTTP/2 and HTTP/1.1 on asyncio: one thread, no hand-over between threads.

Knows nothing of models or of gRPC; ``serving.server`` puts the application on it.  Parsing is
done by libraries (hpack, httptools); connections, streams and limits are here.  Why it is our
own is measured in ``benchmarks/README.md``.
"""
