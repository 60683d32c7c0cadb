"""What the server says of itself: metrics, access log, traces.  Fed by the transport, one call at a time."""
