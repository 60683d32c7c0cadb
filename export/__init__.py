"""A source model becomes a verified version directory.  The only place for TF, Keras and torch."""
