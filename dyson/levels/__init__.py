"""The levels of theory."""
