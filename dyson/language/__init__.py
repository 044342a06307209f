"""Texts to expressions: the whitelist parser, and what its values are."""
