"""Predictions against measurements: rows, errors, verdicts."""
