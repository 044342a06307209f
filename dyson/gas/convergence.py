"""Whether Markov chains have forgotten their start, and how many independent states they are worth."""

from __future__ import annotations

import numpy as np


def split_rhat(series: np.ndarray) -> tuple[float, float]:
    """Split R̂ and effective sample size of a scalar, shape (time, chains): Gelman et al., BDA3, ch. 11."""
    half = len(series) // 2
    parts = np.concatenate([series[:half], series[half : 2 * half]], axis=1)
    within = parts.var(axis=0, ddof=1).mean()
    between = half * parts.mean(axis=0).var(ddof=1)
    if not within > 0:
        return np.inf, 0.0
    total = (half - 1) / half * within + between / half
    # the spread of means of a chain, over what independent states would give, is its correlation time
    return float(np.sqrt(total / within)), float(parts.size * min(1.0, total / max(between, 1e-300)))
