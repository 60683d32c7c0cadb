"""What the operations page shows: the store's state and what servers measured, as data."""
