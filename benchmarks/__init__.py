"""Measures the product, the physical limit and the peers, side by side; see README.md."""
