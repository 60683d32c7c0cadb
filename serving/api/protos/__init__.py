"""Both protocols' messages, built at import from ``descriptors.binpb``.

They live in a descriptor pool of their own: TensorFlow, tritonclient and KServe register
the same names in protobuf's default pool, and two registrations of one name end the
process.  ``regenerate.sh`` writes the descriptors and the ``*_pb2.pyi`` that type them.
"""
