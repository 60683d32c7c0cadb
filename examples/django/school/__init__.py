"""A small Django project that has Easel in it."""
