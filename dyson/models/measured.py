"""An eigenvalue SDE whose drift and noise were measured at one weight instead of derived."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from dyson.blocks import BlockKernel
from dyson.models.ou import _inverse_gaps
from dyson.sde import EigenvalueSDE
from streams.arguments import finite, nearest, positive, shown

VARIABLES = {
    "singular_value": ("mode",),
    "drift": ("row", "col"),
    "rate": ("mode",),
    "covariance": ("row", "col", "row2", "col2"),
}
"""What a table must hold, and the dims of each."""

MATRIX, KIND = "WᵀW", "measurement"
ROUNDING = 1e-9  # of the largest covariance: by how much D may fail to be symmetric and positive


def measured(table: xr.Dataset | Mapping, noise_level: float, *, target=None) -> EigenvalueSDE:
    r"""Eigenvalues of X = WᵀW under SGD, from the gradient's mean and covariance measured at one weight.

    In the singular basis W = U diag(ξ) Vᵀ, M × N, n = min(M, N), with x⁰ = ξ², K_i = 2 ξ_i a_ii and
    T = noise_level,

        dx_i = [ K_i - k_i (x_i - x_i⁰) + T ( Σ_k D_{ki,ki} + Σ_{j≠i} G_ij(x)/(x_i - x_j) ) ] dt
               + √(4 T x_i D_{ii,ii}) dB_i
        G_ij = x_i D_{ij,ij} + x_j D_{ji,ji} + 2 √(x_i x_j) D_{ij,ji}

    D stays that of the measurement. For M < N the N - M further eigenvalues are 0 and repel with
    G_ij/(x_i - 0) = D_{ij,ij}. Source: docs/theory.md, "From the matrix to its eigenvalues".

    The equation is good near the measured weight: measure where the run is stationary. Errors of the table
    (``drift_se``, ...) are not used, and nothing within its error of zero is taken as zero. So the targets
    of modes of one multiplet differ by the errors of K_i and ξ_i; pass ``target`` where the fixed points are
    known, as for a comparison with a run, which must have the same.

    Parameters
    ----------
    table : Dataset or mapping
        ``singular_value`` ξ_i > 0 (mode), descending; ``drift`` a_ij (row, col), minus the mean gradient of
        a sample; ``rate`` k_i = -∂K_i/∂x_i (mode), per unit time; ``covariance`` D_{ij,kl} of the gradient
        of a sample (row, col, row2, col2); units "1". ``model``, ``parameters`` (JSON object or mapping)
        and ``matrix`` "WᵀW": attributes of the Dataset, entries of the mapping; the first two by default
        "measured" and {}.
    noise_level : float
        T = learning rate/batch size >= 0.
    target : array, shape (n,), optional
        Fixed points x̄_i > 0, descending, one for each ξ_i; default x_i⁰ + K_i/k_i.

    Returns
    -------
    EigenvalueSDE
        Modes in descending order of their target; g_i² = 2 T D_{ii,ii} x_i.

    Raises
    ------
    TypeError, ValueError
        For a table that lacks something or has something of another shape, not finite or out of range, for a
        rate <= 0 or a target <= 0.
    """
    noise_level = positive("noise_level", noise_level, zero=True)
    entries, names = _read(table)
    t = _Table(*entries)
    t.check()
    x = t.targets() if target is None else _given_target(target, len(t.xi))
    order = np.argsort(-x, kind="stable")
    x, k = x[order], t.rate[order]
    forth, both, ito, variance = (noise_level * part for part in t.noise(order))
    g2_per_x = 2 * variance

    def clipped(y):
        return np.maximum(np.asarray(y, float), 0.0)

    def flow(y):
        return k * (x - clipped(y))

    def drift(y):
        y = clipped(y)
        up, low = y[..., :, None], y[..., None, :]
        g = forth * up + forth.T * low + both * np.sqrt(up) * np.sqrt(low)
        return flow(y) + ito + (g * _inverse_gaps(y)).sum(-1)

    from dyson.models.measured_kernels import measured_drift, measured_noise  # compiles on first use

    theta = np.concatenate([k * x + ito, k, g2_per_x, forth.ravel(), both.ravel()])
    return EigenvalueSDE(
        model=names["model"],
        target=x,
        rate=k,
        g2=g2_per_x * x,
        drift=drift,
        noise=lambda y: g2_per_x * clipped(y),
        flow=flow,
        kernel=BlockKernel(measured_drift, measured_noise, theta, constant_noise=False),
        noise_level=noise_level,
        parameters=names["parameters"],
        null_modes=max(t.drift.shape[1] - len(x), 0),
        matrix=MATRIX,
        least=0.0,
    )


@dataclass(frozen=True, eq=False)
class _Table:
    """A measurement: ξ (n,), a (M, N), k (n,), D (M, N, M, N)."""

    xi: np.ndarray
    drift: np.ndarray
    rate: np.ndarray
    covariance: np.ndarray

    def check(self) -> None:
        """ValueError for shapes that do not belong together, and what no measurement can be."""
        m, n = self.drift.shape
        for name, value, shape in (
            ("singular_value", self.xi, (min(m, n),)),
            ("rate", self.rate, (min(m, n),)),
            ("covariance", self.covariance, (m, n, m, n)),
        ):
            if value.shape != shape:
                raise ValueError(
                    f"{name} must have shape {shape} beside a drift of {m} × {n}, got {value.shape}"
                )
        if not (self.xi > 0).all():
            raise ValueError(
                f"singular_value must be > 0, got {self.xi.min():g}: measure at a weight of full rank"
            )
        if (np.diff(self.xi) > 0).any():
            raise ValueError("singular_value must be in descending order: sort the modes, and rate with them")
        for mode in np.flatnonzero(~(self.rate > 0))[:1]:
            raise ValueError(
                f"rate of mode {mode} is {self.rate[mode]:g}, expected > 0: the mode does not relax here; "
                "measure where the run is stationary, with more samples"
            )
        self._check_covariance()

    def _check_covariance(self) -> None:
        flat = self.covariance.reshape(self.drift.size, -1)
        variance = np.diag(flat)
        if (variance < 0).any():
            raise ValueError(f"covariance must have D_ij,ij >= 0 (variances), got {variance.min():g}")
        slack = ROUNDING * variance.max()
        if (np.abs(flat - flat.T) > slack).any():
            raise ValueError(
                "covariance must be symmetric, D_ij,kl = D_kl,ij: pass that of (row, col) by (row2, col2)"
            )
        if (np.abs(flat) > np.sqrt(np.outer(variance, variance)) + slack).any():
            raise ValueError("covariance must have |D_ij,kl| <= √(D_ij,ij D_kl,kl), as every covariance has")

    def targets(self) -> np.ndarray:
        """x_i⁰ + K_i/k_i, all > 0."""
        x = self.xi**2 + 2 * self.xi * np.diagonal(self.drift) / self.rate
        for mode in np.flatnonzero(~(x > 0))[:1]:
            raise ValueError(
                f"target of mode {mode}, x + K/k, is {x[mode]:g}, expected > 0: the weight is too far from "
                "stationary for a linear drift; measure closer to it"
            )
        return x

    def noise(self, order: np.ndarray) -> tuple[np.ndarray, ...]:
        """D_{ij,ij} and 2 D_{ij,ji} (n, n), the constant drift and D_{ii,ii} (n,), modes in this order."""
        n = len(self.xi)
        modes = np.ix_(order, order)
        variance = np.einsum("ijij->ij", self.covariance)
        crossed = np.einsum("ijji->ij", self.covariance[:n, :n, :n, :n])
        ito = variance[:, :n].sum(0) + variance[:n, n:].sum(1)  # columns beyond n: eigenvalues 0
        square = variance[:n, :n]
        return square[modes], 2 * crossed[modes], ito[order], np.diagonal(square)[order]


def _read(table) -> tuple[list[np.ndarray], dict]:
    """The four arrays, and model and parameters."""
    if not isinstance(table, Mapping):  # a Dataset is a mapping
        raise TypeError(f"table must be a Dataset or a mapping from names to arrays, got {shown(table)}")
    described = table.attrs if isinstance(table, xr.Dataset) else table
    arrays = []
    for name, dims in VARIABLES.items():
        if name not in table:
            guess = nearest(name, [str(key) for key in table if key not in VARIABLES])
            hint = f"; did you mean it by {guess!r}?" if guess else ""
            raise ValueError(f"{name} is missing in the table (dims {', '.join(dims)}){hint}")
        value = table[name]
        if isinstance(value, xr.DataArray):
            if set(value.dims) != set(dims):
                raise ValueError(f"{name} must have dims {dims}, got {value.dims}")
            value = value.transpose(*dims).values
        arrays.append(finite(name, value, ndim=(len(dims),)))
    return arrays, _described(described)


def _described(given: Mapping) -> dict:
    for key, expected in (("matrix", MATRIX), ("kind", KIND)):
        if given.get(key, expected) != expected:
            raise ValueError(f"{key} of the table must be {expected!r}, got {shown(given[key])}")
    model, parameters = given.get("model", "measured"), given.get("parameters", {})
    if not isinstance(model, str) or not model:
        raise ValueError(f"model of the table must be a name, got {shown(model)}")
    try:
        parsed = json.loads(parameters) if isinstance(parameters, str) else dict(parameters)
        json.dumps(parsed)
    except (TypeError, ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise ValueError(f"parameters of the table must be a JSON object, got {shown(parameters)}")
    return {"model": model, "parameters": parsed}


def _given_target(target, n: int) -> np.ndarray:
    x = finite("target", target, ndim=(1,))
    if x.shape != (n,):
        raise ValueError(f"target must hold n = {n} numbers, got {len(x)}")
    if not (x > 0).all() or (np.diff(x) > 0).any():
        raise ValueError(f"target must be > 0 and descending, got {shown(x.tolist())}")
    return x
