"""Somebody else's data in our layout."""
