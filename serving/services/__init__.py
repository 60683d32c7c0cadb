"""The methods of both protocols: bytes of a request in, bytes of a response out."""
