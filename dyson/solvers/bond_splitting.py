r"""Parallel bond splitting: every neighbouring pair of eigenvalues is solved exactly.

Explicit Euler steps fail at β = 1 because the kick dt/gap has infinite variance. Two neighbours
alone, however, can be solved in closed form: their gap is a Bessel process of dimension β + 1. If the
noise alone would bring it to f in one step, repulsion brings it to

    r' = √(f² + s² χ²_β),    s² = 2 (g_i² + g_j²) dt = Var f,

an exact draw, and their centre of mass (weighted by 1/g²) feels the noise only. So one step is

1. x_i += drift_i dt + √(2 g_i² dt) z_i, drift without the neighbours' repulsion;
2. for each bond b = (i, i+1): the impulse p_b = √(f_b² + s_b² χ²_b) - f_b;
3. once more with f_b reduced by the impulses of the two bonds beside it, which are a drift to it
   (the same χ²_b), so that a small gap between two others is pushed open correctly;
4. x_i += w p_b, x_{i+1} -= (1 - w) p_b, w = g_i²/(g_i² + g_{i+1}²); a pass of swaps restores the order
   in the rare triple encounters.

An isolated pair is exact at any dt, a chain to O(dt), with no asymmetry between even and odd bonds.
Impulses are bounded, so nothing blows up, and two equal eigenvalues are an ordinary starting point (more of
them: ``coincident``). Pairs further apart enter the drift, regularised at the scale of one step's noise;
those more than ``blocks.NEAR`` ranks apart are renewed every ``FAR_EVERY`` steps only.
Cost per particle and step: two normals, two square roots, (NEAR - 1) + (n/2 - NEAR)/FAR_EVERY divisions.
"""

from __future__ import annotations

import math

import numpy as np

from dyson.blocks import ADVANCE_SIGNATURE, SPLIT, SPLIT_KEEPING_FAR, WORK_ROWS
from streams import LANES, fill_exponential, fill_gamma, fill_normal, kernel

STREAM = "dyson"

FAR_EVERY = 8
"""Steps for which the far field, the smooth pull of distant eigenvalues, is kept."""

_TINY = 1e-300  # two particles without noise share a bond equally: (0 + tiny)/(0 + 2 tiny)


@kernel(nogil=True)
def _scales(g2, dt, weight, sigma, s2):
    """Per step: σ_i = √(2 g_i² dt); per bond: s² and, in row b + 1, the upper particle's share w."""
    n = g2.shape[0]
    for i in range(n):
        g = g2[i]
        row = sigma[i]
        for lane in range(LANES):
            row[lane] = math.sqrt(2.0 * dt * g[lane])
    for b in range(n - 1):
        upper = g2[b]
        lower = g2[b + 1]
        w = weight[b + 1]
        s = s2[b]
        for lane in range(LANES):
            both = upper[lane] + lower[lane]
            w[lane] = (upper[lane] + _TINY) / (both + 2.0 * _TINY)
            s[lane] = 2.0 * dt * both


@kernel(nogil=True)
def _chi2(state, beta, shape, out):
    """χ²_β draws; for β = 1 the rows hold standard normals already, to be squared."""
    rows = shape.size
    if beta == 1.0:
        for b in range(rows):
            row = out[b]
            for lane in range(LANES):
                row[lane] = row[lane] * row[lane]
        return
    if beta == 2.0:
        fill_exponential(state, out, rows)
    else:
        fill_gamma(state, out, shape)
    for b in range(rows):
        row = out[b]
        for lane in range(LANES):
            row[lane] *= 2.0


@kernel(nogil=True)
def _first_impulses(x, s2, chi2, first):
    """Impulse of every bond as if it were alone; scales chi2 by s² for the second pass."""
    n = x.shape[0]
    for b in range(n - 1):
        upper = x[b]
        lower = x[b + 1]
        s = s2[b]
        c = chi2[b]
        p = first[b + 1]
        for lane in range(LANES):
            s2c = s[lane] * c[lane]
            f = upper[lane] - lower[lane]
            c[lane] = s2c
            p[lane] = math.sqrt(f * f + s2c) - f


@kernel(nogil=True)
def _impulses(x, chi2, weight, first, impulse):
    """Impulse of every bond with its two neighbours' impulses taken as a drift of its gap."""
    n = x.shape[0]
    for b in range(n - 1):
        upper = x[b]
        lower = x[b + 1]
        above = first[b]
        below = first[b + 2]
        wa = weight[b]
        wb = weight[b + 2]
        c = chi2[b]
        p = impulse[b + 1]
        for lane in range(LANES):
            f = upper[lane] - lower[lane] - (1.0 - wa[lane]) * above[lane] - wb[lane] * below[lane]
            p[lane] = math.sqrt(f * f + c[lane]) - f


@kernel(nogil=True)
def _push(x, weight, impulse):
    """Apply the impulses: w up to the upper particle of each bond, 1 - w down to the lower."""
    n = x.shape[0]
    for i in range(n):
        xi = x[i]
        below = impulse[i + 1]
        above = impulse[i]
        wb = weight[i + 1]
        wa = weight[i]
        for lane in range(LANES):
            xi[lane] += wb[lane] * below[lane] - (1.0 - wa[lane]) * above[lane]


@kernel(nogil=True)
def _order(x, spare):
    """One odd–even pass of swaps to descending order, where a triple encounter broke it."""
    n = x.shape[0]
    lowest = spare[0]
    for lane in range(LANES):
        lowest[lane] = 0.0
    for b in range(n - 1):
        upper = x[b]
        lower = x[b + 1]
        for lane in range(LANES):
            lowest[lane] = min(lowest[lane], upper[lane] - lower[lane])
    for lane in range(LANES):
        if lowest[lane] < 0.0:
            for start in range(2):
                for b in range(start, n - 1, 2):
                    high = max(x[b, lane], x[b + 1, lane])
                    x[b + 1, lane] = min(x[b, lane], x[b + 1, lane])
                    x[b, lane] = high
        lowest[lane] = 0.0  # row 0 of the spare array stays zero


@kernel(ADVANCE_SIGNATURE, nogil=True)
def advance(x, state, theta, drift, noise, beta, constant_noise, dt, steps):
    """Advance one block ``x`` (n, LANES) in place by ``steps`` steps of ``dt``."""
    n = x.shape[0]
    work = np.empty((WORK_ROWS * n + WORK_ROWS, LANES))
    out = np.empty((n, LANES))
    g2 = np.empty((n, LANES))
    normal = np.empty((2 * n, LANES))
    weight = np.zeros((n + 1, LANES))
    first = np.zeros((n + 1, LANES))  # impulse of bond b in row b + 1; rows 0 and n stay 0
    impulse = np.zeros((n + 1, LANES))
    sigma = np.empty((n, LANES))
    s2 = np.empty((n, LANES))
    shape = np.full(n - 1, 0.5 * beta)
    noise(x, theta, g2)
    _scales(g2, dt, weight, sigma, s2)
    for step in range(steps):
        if not constant_noise and step > 0:
            noise(x, theta, g2)
            _scales(g2, dt, weight, sigma, s2)
        drift(x, theta, dt, SPLIT if step % FAR_EVERY == 0 else SPLIT_KEEPING_FAR, out, work)
        fill_normal(state, normal, n)
        for i in range(n):
            xi = x[i]
            di = out[i]
            si = sigma[i]
            zi = normal[i]
            for lane in range(LANES):
                xi[lane] += dt * di[lane] + si[lane] * zi[lane]
        chi2 = normal[n:]
        _chi2(state, beta, shape, chi2)
        _first_impulses(x, s2, chi2, first)
        _impulses(x, chi2, weight, first, impulse)
        _push(x, weight, impulse)
        _order(x, first)
        first[0] = 0.0  # _order has used it as scratch
