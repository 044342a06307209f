"""Explicit Euler–Maruyama, for teaching: the kicks dt/gap make it unusable at β = 1.

Eigenvalues cross in almost every path and some paths blow up, however small the step; it is here
so that this can be seen. Use ``bond-splitting`` for results.
"""

from __future__ import annotations

import math

import numpy as np

from dyson.blocks import ADVANCE_SIGNATURE, WHOLE, WORK_ROWS
from streams import LANES, fill_normal, kernel

RESOLVES_PAIRS = False


@kernel(ADVANCE_SIGNATURE, nogil=True)
def advance(x, state, theta, drift, noise, beta, constant_noise, dt, steps):
    """Advance one block ``x`` (n, LANES) in place by ``steps`` explicit steps of ``dt``."""
    n = x.shape[0]
    work = np.empty((WORK_ROWS * n + WORK_ROWS, LANES))
    out = np.empty((n, LANES))
    g2 = np.empty((n, LANES))
    normal = np.empty((n + 1, LANES))
    noise(x, theta, g2)
    for step in range(steps):
        if not constant_noise and step > 0:
            noise(x, theta, g2)
        drift(x, theta, 0.0, WHOLE, out, work)
        fill_normal(state, normal, (n + 1) // 2)
        for i in range(n):
            xi = x[i]
            di = out[i]
            gi = g2[i]
            zi = normal[i]
            for lane in range(LANES):
                xi[lane] += dt * di[lane] + math.sqrt(2.0 * dt * gi[lane]) * zi[lane]
