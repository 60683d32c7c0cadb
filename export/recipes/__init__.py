"""Real models from public data, each rebuilt with one command: ``python -m export.recipes.NAME``."""
