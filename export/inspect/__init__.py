"""What a source would do when it is loaded, read from its bytes: nothing is imported, nothing run."""
