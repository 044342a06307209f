"""Texts to values: a whitelist parser that needs no SymPy, exact values in SymPy, and numbers in NumPy."""
