"""The ``sdeint`` package's Euler scheme: somebody else's integrator as an independent check.

One path at a time in Python, explicit, and it breaks the order of the eigenvalues: for small runs.
"""

from __future__ import annotations

import numpy as np

from dyson.sde import EigenvalueSDE
from streams import generator


def paths(
    sde: EigenvalueSDE, x0: np.ndarray, times: np.ndarray, dt: float, seed: int, first: int
) -> np.ndarray:
    """Paths at ``times`` by ``sdeint.itoEuler`` with steps of at most ``dt``; shape (replica, time, n)."""
    import sdeint

    out = np.full((len(x0), len(times), sde.n), np.nan)
    out[:, 0] = x0
    for r in range(len(x0)):
        rng = generator(seed, "dyson sdeint", first + r)
        for i in range(len(times) - 1):
            steps = max(1, int(np.ceil((times[i + 1] - times[i]) / dt - 1e-9)))
            grid = np.linspace(times[i], times[i + 1], steps + 1)
            with np.errstate(all="ignore"):  # a path that blows up is reported as diverged
                path = sdeint.itoEuler(
                    lambda x, t: sde.drift(x),
                    lambda x, t: np.diag(np.sqrt(2.0 * sde.noise(x))),
                    out[r, i],
                    grid,
                    generator=rng,
                )
            out[r, i + 1] = path[-1]
            if not np.isfinite(path[-1]).all():
                break
    return out
