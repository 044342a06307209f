r"""What a deviation d with error e says about a margin m: p-values, and the replicas that would tell.

An error of replicas has Student's law with ν degrees of freedom, T its upper tail. Of the true deviation δ:

    H0: δ = 0        p = 2 T(\|d\|/e)
    H0: \|δ\| ≤ m      p = T((\|d\| − m)/e) + T((\|d\| + m)/e): so large a \|d\| at \|δ\| = m
    H0: \|δ\| ≥ m      p = T((m − \|d\|)/e): two one-sided tests

(Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657). A row's interval is two-sided, so that it says
"differs" from the significance 2 T((\|d\| − m)/e) on, and "agrees" from 2 T((m − \|d\|)/e) on.

A Kolmogorov–Smirnov distance is no such deviation: its band is that of `compare.verdict.distance`, whose
half-width grows with √ln(2/p). Scaled to the half-width q e that the row has at its own significance a,

    p = 2 (a/2)^(x/(q e))²,        x = d, d − m or m − d,

which is a bound. Below a, Student's tail is the larger of the two and is taken, as some of the error may
be the prediction's.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, stdtr, stdtrit

POWER = 0.8
"""Probability with which a verdict is to be reached."""

SETTLED = 49.0
"""Degrees of freedom of the errors of an ensemble that is large enough: 50 blocks of replicas."""

KS_MEAN, KS_SPREAD = 0.8687, 0.2603
"""Mean and standard deviation of √n D, D the distance of n independent values from their own law."""


def tail(x: float, error: float, freedom: float) -> float:
    """T(x/e); for e = 0 it is 0 where x > 0 and else 1."""
    if error == 0:
        return 0.0 if x > 0 else 1.0 if x <= 0 else math.nan
    return float(stdtr(freedom, -x / error))


def bound(x: float, error: float, freedom: float, quantile: float) -> float:
    """Bound on the chance that a Kolmogorov–Smirnov distance is off by x, see the module."""
    if not x > 0:
        return 1.0 if x <= 0 else math.nan
    if error == 0:
        return 0.0
    own = 2 * float(stdtr(freedom, -quantile))  # the significance a of the row
    dkw = 2 * (own / 2) ** ((x / (quantile * error)) ** 2)
    return min(max(dkw, 2 * tail(x, error, freedom)), 1.0)  # in this order NaN stays NaN


def replicas_needed(
    deviation: float,
    fixed_error: float,
    error: float,
    margin: float,
    quantile: float,
    freedom: float,
    replicas: int,
    law: bool = False,
) -> float:
    """Replicas with which a verdict is reached in `POWER` of all cases if the deviation is what it is now.

    Rough, as the deviation is known to its error only; errors fall with 1/√replicas, Student's quantile is
    that of many replicas. Of a distance, what chance makes of it at the present number is taken off.

    Parameters
    ----------
    deviation, margin : float
    fixed_error, error : float
        Standard errors of the deviation: the part that replicas do not change, and the part that they do.
    quantile, freedom : float
        Of the row.
    replicas : int
        Behind ``error`` now.
    law : bool
        Whether the deviation is a Kolmogorov–Smirnov distance.

    Returns
    -------
    float
        To two digits, not fewer than there are; inf where none would do, NaN where a number is missing.
    """
    known = (deviation, fixed_error, error, margin, quantile, freedom)
    if any(math.isnan(v) for v in known) or replicas < 1 or error == 0:
        return math.nan
    own = float(stdtr(freedom, -quantile))
    q = float(stdtrit(max(freedom, SETTLED), 1 - own))
    d = abs(deviation)
    if law:
        unit = error * float(-ndtri(own)) / math.sqrt(math.log(1 / own) / 2)  # 1/√n of the n values behind it
        d = math.sqrt(max(d**2 - (KS_MEAN * unit) ** 2, 0.0))
        chance = (KS_MEAN + float(ndtri(POWER)) * KS_SPREAD) * unit / error
        reach = q + (chance if d < margin else float(ndtri(POWER)))
    else:
        reach = q + float(ndtri(POWER)) if d > margin else _reach(d, margin, q)
    allowed = abs(d - margin) / reach
    if allowed <= fixed_error:
        return math.inf
    needed = replicas * error**2 / (allowed**2 - fixed_error**2)
    if not needed < 2**53:
        return math.inf
    return max(float(replicas), _two_digits(needed))


def _reach(d: float, margin: float, q: float) -> float:
    """Standard errors from d to the margin with which both of the one-sided tests reject in `POWER`."""

    def lack(z: float) -> float:
        e = (margin - d) / (q + z)
        return float(ndtr(z) - ndtr(q - (margin + d) / e)) - POWER

    low, high = float(ndtri(POWER)), float(ndtri((1 + POWER) / 2)) + 1e-9
    if d == margin:
        return q + low
    return q + (low if lack(low) >= 0 else float(brentq(lack, low, high)))


def _two_digits(x: float) -> float:
    """Rounded up to two digits."""
    step = 10.0 ** max(0, math.floor(np.log10(x)) - 1)
    return float(math.ceil(x / step - 1e-9) * step)
