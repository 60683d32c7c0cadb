"""The ``easel`` command: the outermost layer, which may import every package."""
