"""``easel models``, ``promote`` and the like: a module each.  Standard library only."""
