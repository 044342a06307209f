"""The gradient's mean and covariance, measured at a weight instead of derived."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from sgd.members import optional, require, shapes_of
from sgd.protocol import Model
from streams import generator, new_entropy
from streams.arguments import count, finite
from streams.matrices import within
from streams.version import installed_version

CHUNK = 1 << 22
"""Numbers of per-sample gradients held at once."""

LARGEST = 2048
"""Entries of W: their covariance has the square of this many."""

STEP = 1e-3
"""Relative step of the differences that give the rates."""


def noise(
    model: Model,
    weights: np.ndarray,
    samples: int = 100_000,
    seed: int | None = None,
    updates: int | None = None,
) -> xr.Dataset:
    r"""Measure what SGD does to W at a given weight, from per-sample gradients by literal sampling.

    In the singular basis W = U diag(ξ) Vᵀ, with g̃ = Uᵀ g V the gradient of one sample's loss, this is

        a_ij = −⟨g̃_ij⟩,   D_{ij,kl} = Cov(g̃_ij, g̃_kl),   K_i = 2 ξ_i a_ii,   k_i = −∂K_i/∂x_i,

    all that the eigenvalue SDE of WᵀW takes of a model (docs/theory.md, "From the matrix to its
    eigenvalues"). `dyson.models.measured` takes the result in place of a derived equation.

    Parameters
    ----------
    model : Model
        With one trained layer and `OptionalMembers.gradients`: GaussianRBM, LinearNetwork, ActivationNetwork.
    weights : array_like, shape (row, col)
        W.
    samples : int
        Per-sample gradients, at least 100; for persistent chains, chains.
    seed : int, optional
        Non-negative; random if not given, and in the result's attributes.
    updates : int, optional
        Persistent chains: gradients are averaged over so many consecutive updates at fixed W, and D is
        the covariance of these averages times ``updates``, which is the white noise of the same strength
        but for a share of the order of the chains' memory over ``updates``; by default 200 times the memory.

    Returns
    -------
    Dataset
        ``singular_value`` ξ and ``rate`` k (mode), ``drift`` a (row, col), ``covariance`` D
        (row, col, row2, col2), ``left`` U and ``right`` V, units "1"; ``drift_se``, ``rate_se`` and
        ``covariance_se`` are standard errors.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, W has more than 2048 entries, or the model lacks what is needed or
        has several layers.
    """
    w = _weights(model, weights)
    samples = count("samples", samples, 100)
    seed = new_entropy() if seed is None else count("seed", seed, 0)
    default = optional(model, "default_updates")
    average = default(w) if updates is None else count("updates", updates)
    gradients = optional(model, "gradients")
    u, xi, vt = np.linalg.svd(w)

    def rotated(at: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
        return u.T @ gradients(at, number, rng, average) @ vt.T

    drift, drift_se, covariance, covariance_se = _moments(rotated, w, samples, seed)
    rate, rate_se = _rates(rotated, w, u, xi, vt, samples, seed)
    variables: dict[str, tuple[tuple[str, ...], Any, str]] = {
        "singular_value": (("mode",), xi, "singular value ξ of W"),
        "drift": (("row", "col"), drift, "drift a, minus the mean gradient of a sample"),
        "drift_se": (("row", "col"), drift_se, "standard error of the drift"),
        "rate": (("mode",), rate, "relaxation rate k of the eigenvalue of WᵀW"),
        "rate_se": (("mode",), rate_se, "standard error of the rate"),
        "covariance": (
            ("row", "col", "row2", "col2"), average * covariance, "covariance D of a sample's gradient",
        ),
        "covariance_se": (
            ("row", "col", "row2", "col2"), average * covariance_se, "standard error of the covariance",
        ),
        "left": (("out", "row"), u, "left singular vectors of W as columns"),
        "right": (("in", "col"), vt.T, "right singular vectors of W as columns"),
    }  # fmt: skip
    attrs = {
        "kind": "measurement",
        "model": model.name,
        "matrix": "WᵀW",
        "parameters": json.dumps(model.parameters()),
        "samples": samples,
        "updates": average,
        "seed": str(seed),
        "version": installed_version(),
    }
    named = {k: (dims, v, {"long_name": text, "units": "1"}) for k, (dims, v, text) in variables.items()}
    return xr.Dataset(named, attrs=attrs)


def _weights(model: Model, weights: np.ndarray) -> np.ndarray:
    require(model, "sgd.noise", ["name", "shapes", "parameters", "gradients"])
    shapes = shapes_of(model)
    if len(shapes) != 1:
        raise ValueError(f"the noise is measured for one trained layer, got {len(shapes)} of them")
    w = within("weights", finite("weights", weights, (2,)))
    if w.shape != shapes[0]:
        raise ValueError(f"weights must have shape {shapes[0]}, got {w.shape}")
    if w.size > LARGEST:
        raise ValueError(f"weights have {w.size} entries, more than {LARGEST}: their covariance is too large")
    optional(model, "check_weights")((w[None],))
    return w


def _chunks(samples: int, entries: int) -> list[int]:
    size = max(1, min(samples, CHUNK // entries))
    whole, rest = divmod(samples, size)
    return [size] * whole + [rest] * (rest > 0)


def _moments(rotated, w: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, ...]:
    """Minus the mean, the covariance, and their standard errors."""
    size = w.size
    total, second, fourth = np.zeros(size), np.zeros((size, size)), np.zeros((size, size))
    pilot = rotated(w, 1000, generator(seed, "sgd noise", 0)).reshape(1000, size).mean(axis=0)
    for number, length in enumerate(_chunks(n, size)):
        g = rotated(w, length, generator(seed, "sgd noise", number + 1)).reshape(length, size) - pilot
        total += g.sum(axis=0)
        second += g.T @ g
        fourth += (g * g).T @ (g * g)
    shift = total / n
    covariance = (second - n * np.outer(shift, shift)) / (n - 1)
    error = np.sqrt(np.maximum(fourth / n - (second / n) ** 2, 0.0) / n)
    shape = (*w.shape, *w.shape)
    mean_se = np.sqrt(np.diag(covariance) / n).reshape(w.shape)
    return -(shift + pilot).reshape(w.shape), mean_se, covariance.reshape(shape), error.reshape(shape)


def _rates(rotated, w, u, xi, vt, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """k_i = −∂(2 ξ_i a_ii)/∂(ξ_i²), by differences on the same samples."""
    rate, error = np.zeros(len(xi)), np.zeros(len(xi))
    for mode, x in enumerate(xi):
        h = STEP * max(x, STEP * xi[0], 1e-8)
        push = h * np.outer(u[:, mode], vt[mode])
        sums = np.zeros(2)
        for number, length in enumerate(_chunks(n, 4 * w.size)):
            up, down = (
                rotated(w + sign * push, length, generator(seed, "sgd noise", number + 1))[:, mode, mode]
                for sign in (1.0, -1.0)
            )
            slope = ((x + h) * up - (x - h) * down) / (2 * h * max(x, h))
            sums += slope.sum(), (slope * slope).sum()
        mean = sums[0] / n
        rate[mode] = mean
        error[mode] = np.sqrt(max(sums[1] / n - mean**2, 0.0) / n)
    return rate, error
