"""Tests of random code: one significance level for the whole suite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import kstest, norm

ALPHA = 1e-5  # a thousand checks: about 1 % false alarms when a stream changes


def assert_mean(sample: np.ndarray, expected: float) -> None:
    """The sample's mean is as expected. Independent samples: one number per replica."""
    sample = np.asarray(sample, dtype=float)
    se = sample.std(ddof=1) / np.sqrt(sample.size)
    z = (sample.mean() - expected) / se
    assert abs(z) < norm.isf(ALPHA / 2), (
        f"z = {z:+.1f}: {sample.mean():.5g} ± {se:.1g}, expected {expected:.5g}"
    )


def assert_ks(sample: np.ndarray, cdf: Callable) -> None:
    """Independent samples have the (continuous) law with this cdf: Kolmogorov-Smirnov."""
    sample = np.asarray(sample, dtype=float).ravel()
    result = kstest(sample, cdf)
    assert result.pvalue > ALPHA, (
        f"KS distance {result.statistic:.3g} of {sample.size} values at x = {result.statistic_location:.4g}: "
        f"p = {result.pvalue:.1g}"
    )
