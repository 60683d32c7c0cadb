"""Encoded pictures: what their files say before they are decoded, and how they are shown."""
