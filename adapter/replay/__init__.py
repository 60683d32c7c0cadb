"""``easel replay``: what another version says to the pictures of a request log."""
