"""Easel's tests; a package, so that no dependency's `tests` folder can hide it."""
