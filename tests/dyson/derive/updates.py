"""One small step of the literal matrix update W ← W − (α/|B|) Σ g: drift and noise by Monte Carlo.

Independent of the symbolic derivation on purpose: gradients are written by hand, the spectrum is
diagonalised, no formula of the eigenvalues' SDE is used. With time α n and T = α/|B|,

    dx_i = (flow_i + T ito_i) dt + √T dζ_i,   Cov(dζ_i, dζ_j) = noise_ij dt.

flow: first-order change of x along −⟨g⟩; ito: mean second-order change along M = −(g − ⟨g⟩); noise:
covariance of the first-order change along M.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np

SAMPLES = 150_000  # standard errors at most about 1 % of an entry, half a second per model
CHUNK = 50_000
STEP = 3e-4  # |s M|: truncation (STEP/gap)² ~ 1e-5, rounding 1e-15/STEP² ~ 1e-8
MEAN_STEP = 1e-5  # the flow is compared to 1e-6, and has no second difference to round
WINDOW = 128  # consecutive updates of a persistent chain in one sample


@dataclass(frozen=True)
class Update:
    """A model at diagonal weights; mean is the exact ⟨g⟩ like draw's arrays, None: the sample's."""

    name: str
    parameters: dict
    layers: list[np.ndarray]
    draw: Callable  # (rng, n) -> per layer (n, M, N) gradients g, then (n,) of a trained scalar
    spectrum: Callable  # layers (..., M, N) -> (..., n_eig), descending
    mean: list[np.ndarray] | None = None


@dataclass(frozen=True)
class Measured:
    """Coefficients of the eigenvalues (and of a trained scalar, last), with standard errors."""

    flow: np.ndarray
    flow_se: np.ndarray
    ito: np.ndarray
    ito_se: np.ndarray
    noise: np.ndarray
    noise_se: np.ndarray


def measured(update: Update, n: int, seed: int) -> Measured:
    """Antithetic steps W ± s M of n per-sample gradients, each sample diagonalised."""
    rng, depth = np.random.default_rng(seed), len(update.layers)
    flows, first, second = [], [], []
    for part in np.array_split(np.arange(n), -(-n // CHUNK)):
        g = update.draw(rng, part.size)
        mean = update.mean or [a.mean(axis=0) for a in g]  # the sample's: bias 1/CHUNK, negligible
        for a, b in zip(g, mean, strict=True):
            if np.any(abs(a.mean(axis=0) - b) > 6 * a.std(axis=0) / np.sqrt(part.size) + 1e-12):
                raise AssertionError(f"{update.name}: the sampled gradients have another mean")
        step = [b - a for a, b in zip(g, mean, strict=True)]
        delta, q = _differences(update, step[:depth], STEP)
        drift, _ = _differences(update, [-b for b in mean[:depth]], MEAN_STEP)
        for scalar, average in zip(step[depth:], mean[depth:], strict=True):  # moves linearly
            delta = np.concatenate([delta, scalar[:, None]], axis=1)
            q = np.concatenate([q, np.zeros((part.size, 1))], axis=1)
            drift = np.append(drift, -average)
        flows.append(part.size * drift / n)
        first.append(delta)
        second.append(q)
    delta, q = np.concatenate(first), np.concatenate(second)
    product = delta[:, :, None] * delta[:, None, :]
    se = partial(np.std, axis=0, ddof=1)
    root, flow = np.sqrt(n), np.sum(flows, axis=0)
    flow_se = se(delta) / root if update.mean is None else np.zeros_like(flow)
    return Measured(flow, flow_se, q.mean(0), se(q) / root, product.mean(0), se(product) / root)


def compare(measured: Measured, flow: np.ndarray, ito: np.ndarray, noise: np.ndarray) -> float:
    """Largest |z| of all entries; inf where an entry without error (or a NaN) is off by 1e-6."""
    worst = 0.0
    for name, expected in (("flow", flow), ("ito", ito), ("noise", noise)):
        value, se = getattr(measured, name), getattr(measured, name + "_se")
        expected = np.asarray(expected, dtype=float)
        if expected.shape != value.shape:
            raise ValueError(f"{name}: shape {expected.shape}, measured {value.shape}")
        exact = se == 0
        agree = np.isclose(expected, value, rtol=1e-6, atol=1e-8 * abs(value).max())
        z = np.where(exact, np.where(agree, 0.0, np.inf), abs(expected - value) / np.where(exact, 1, se))
        worst = max(worst, float(np.nan_to_num(z, nan=np.inf, posinf=np.inf).max()))
    return worst


def _differences(update: Update, direction: list, size: float) -> tuple[np.ndarray, np.ndarray]:
    """δ and q of x(W + s·direction) = x + s δ + s² q, each direction scaled to |s·direction| = size."""
    norm = np.sqrt(sum((abs(d) ** 2).sum(axis=(-2, -1)) for d in direction))
    s = size / np.where(norm > 0, norm, 1.0)
    up, down = (
        update.spectrum([w + t[..., None, None] * d for w, d in zip(update.layers, direction, strict=True)])
        for t in (s, -s)
    )
    s = s[..., None]
    return (up - down) / (2 * s), (up + down - 2 * update.spectrum(update.layers)) / (2 * s**2)


# --- spectra, weights, noise -------------------------------------------------------------------


def _gram(layers: list) -> np.ndarray:
    """Eigenvalues of PᴴP, P the product of the layers (last leftmost), without the null modes."""
    p = reduce(lambda product, w: w @ product, layers)
    return np.linalg.eigvalsh(np.conj(np.swapaxes(p, -1, -2)) @ p)[..., ::-1][..., : min(p.shape[-2:])]


def _diag(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    w = np.zeros(shape)
    np.fill_diagonal(w, values)
    return w


def _xi(rng: np.random.Generator, n: int, top: float | None = None) -> np.ndarray:
    """Descending singular values, ratios at least 1.18 (1.4 of the eigenvalues)."""
    return (top or rng.uniform(1.2, 1.6)) / np.sqrt(np.cumprod(np.append(1, rng.uniform(1.4, 1.7, n - 1))))


def _outer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., :, None] * b[..., None, :]


def _gaussian(rng: np.random.Generator, shape: tuple, kind: str = "real") -> np.ndarray:
    """E|off-diagonal|² = 1; diagonal variance 1, or 2 for real symmetric matrices."""
    a = rng.normal(size=shape)
    if kind in ("complex", "hermitian"):
        a = (a + 1j * rng.normal(size=shape)) / np.sqrt(2)
    if kind in ("symmetric", "hermitian"):
        a = (a + np.conj(np.swapaxes(a, -1, -2))) / np.sqrt(2)
    return a


# --- models ------------------------------------------------------------------------------------


def _rbm(rng, name: str, psi: str, phi: str, shape=(3, 3), decays=False, trains=False) -> Update:
    """g = −σ_h² W (φφᵀ − ψψᵀ); psi and phi say which of the two averages is sampled, and how."""
    m, k = min(shape), shape[1]
    mu2, sigma_h, kappa = rng.uniform(1.5, 2.5), rng.uniform(0.8, 1.2), rng.uniform(0.5, 2.0, k)
    parameters = {"kappa": kappa, "mu2": mu2, "sigma_h": sigma_h}
    s2 = sigma_h**2
    # Persistent: memory λ ≤ 0.65² of ψψᵀ keeps the window's bias, 5/WINDOW²·2λ/(1 − λ)², below 0.1 %
    top = rng.uniform(0.55, 0.65) if psi == "persistent" else rng.uniform(0.65, 0.75)
    w = _diag(_xi(rng, m, np.sqrt(top * mu2) / sigma_h), shape)
    data, model = 1 / kappa, 1 / np.diag(mu2 * np.eye(k) - s2 * w.T @ w)  # diagonal, as W is
    decay = rng.uniform(0.2, 0.6) if decays else 0.0
    sweeps = int(rng.integers(1, 3)) if psi in ("persistent", "contrastive") else 0
    parameters |= ({"decay": decay} if decays else {}) | ({"sweeps": sweeps} if sweeps else {})

    def gibbs(rng, v):
        for _ in range(sweeps):
            h = s2 * v @ w.T + sigma_h * rng.normal(size=(len(v), shape[0]))
            v = h @ w / mu2 + rng.normal(size=v.shape) / np.sqrt(mu2)
        return v

    def single(rng, n):
        """φφᵀ − ψψᵀ of one update; a contrastive chain starts at φ."""
        v = rng.normal(size=(n, k)) * np.sqrt(data)
        u = gibbs(rng, v) if psi == "contrastive" else rng.normal(size=(n, k)) * np.sqrt(model)
        positive = np.diag(data) if phi == "exact" else _outer(v, v)
        return positive - (np.diag(model) if psi == "exact" else _outer(u, u))

    def window(rng, n):
        """Σ_k w_k (deviation of update k) + mean, Σ w_k² = 1: its covariance is the long-run one.

        The sine taper, not w_k = 1/√L, makes the ends' bias O(1/L²).
        """
        v, total = rng.normal(size=(n, k)) * np.sqrt(model), np.zeros((n, k, k))
        for weight in np.sqrt(2 / WINDOW) * np.sin(np.pi * (np.arange(WINDOW) + 0.5) / WINDOW):
            v = gibbs(rng, v)
            total -= weight * (_outer(v, v) - np.diag(model))
            if phi == "batch":
                u = rng.normal(size=(n, k)) * np.sqrt(data)
                total += weight * (_outer(u, u) - np.diag(data))
        return total + np.diag(data - model)

    def draw(rng, n):
        d = (window if psi == "persistent" else single)(rng, n)
        return [decay * w - s2 * w @ d] + ([np.trace(d, axis1=1, axis2=2) / 2] if trains else [])

    if psi == "contrastive":  # its mean gradient depends on the chain: leave it to the sample
        return Update(name, parameters, [w], draw, _gram)
    mean = [decay * w - s2 * w @ np.diag(data - model)] + ([np.sum(data - model) / 2] if trains else [])
    return Update(name, parameters, [w], draw, _gram, mean)


def _regression(
    rng, name: str, noise: str, shape=(3, 3), through=False, colored=False, kind="real"
) -> Update:
    """ŷ = Z W v against y = Z W_t v + ε η (Z = 1: plain regression)."""
    w, teacher = _diag(_xi(rng, min(shape)), shape), rng.uniform(0.3, 2.0, min(shape))
    z = np.diag(rng.uniform(0.6, 1.5, shape[0])) if through else np.eye(shape[0])
    lam = rng.uniform(0.5, 2.0, shape[1]) if colored else np.ones(shape[1])
    epsilon = rng.uniform(0.5, 1.5)
    parameters = {"teacher": teacher} | ({"z": np.diag(z)} if through else {})
    parameters |= ({"lam": lam} if colored else {}) | ({} if noise == "minibatch" else {"epsilon": epsilon})
    error = z @ (w - _diag(teacher, shape))
    mean = z.T @ error @ np.diag(lam)

    def draw(rng, n):
        v, eta = _gaussian(rng, (n, shape[1]), kind) * np.sqrt(lam), rng.normal(size=(n, shape[0]))
        if noise == "isotropic":
            return [mean + epsilon * _gaussian(rng, (n, *shape))]
        if noise == "label":
            return [mean - epsilon * z.T @ _outer(eta, v)]
        residual = v @ error.T - (epsilon * eta if noise == "minibatch-label" else 0.0)
        return [z.T @ _outer(residual, v.conj())]

    return Update(name, parameters, [w], draw, _gram, [mean])


def _deep(rng, name: str, depth: int, noise: str) -> Update:
    """ŷ = P v, P = W_L…W_1, layers (first to last) aligned and balanced; y = W_t v + ε η."""
    xi, teacher, epsilon = _xi(rng, 3), rng.uniform(0.3, 2.0, 3), rng.uniform(0.5, 1.5)
    layers = [np.diag(xi ** (1 / depth))] * depth
    product = partial(reduce, lambda p, w: w @ p)
    above = [product(layers[l + 1 :], np.eye(3)) for l in range(depth)]
    below = [product(layers[:l], np.eye(3)) for l in range(depth)]
    error = product(layers, np.eye(3)) - np.diag(teacher)
    mean = [a.T @ error @ b.T for a, b in zip(above, below, strict=True)]

    def draw(rng, n):
        if noise == "isotropic":
            return [m + epsilon * _gaussian(rng, (n, 3, 3)) for m in mean]
        v, eta = rng.normal(size=(2, n, 3))  # one sample moves all layers
        e = (error if noise == "label" else _outer(v @ error.T, v)) - epsilon * _outer(eta, v)
        return [a.T @ e @ b.T for a, b in zip(above, below, strict=True)]

    return Update(name, {"teacher": teacher, "epsilon": epsilon}, layers, draw, _gram, mean)


def _additive(rng, name: str) -> Update:
    """g = an exact gradient + ε·Gaussian matrix."""
    epsilon, a, center = rng.uniform(0.5, 1.5), rng.uniform(0.4, 1.2), rng.uniform(-0.5, 0.5)
    teacher, parameters = rng.uniform(0.3, 2.0, 3), {"epsilon": epsilon}
    if name in ("ou", "ou-complex", "potential", "regression-symmetric"):
        w = np.diag(rng.uniform(1.0, 1.6) - np.append(0.0, np.cumsum(rng.uniform(0.5, 1.0, 2))))
        kind = "hermitian" if name == "ou-complex" else "symmetric"
    else:
        w = _diag(_xi(rng, 3), (4, 3))
        kind = "complex" if name == "wishart-complex" else "real"
    if name in ("wishart", "wishart-complex"):
        mean = 0 * w
    elif name == "laguerre":
        mean, parameters["decay"] = a * w, a
    elif name in ("ou", "ou-complex"):
        mean, parameters["rate"], parameters["center"] = a * (w - center * np.eye(3)), a, center
    elif name == "potential":
        mean, parameters["a"] = w @ w @ w - a * w, a
    elif name == "potential-gram":
        mean, parameters["a"] = w @ w.T @ w - a * w, a
    else:  # regression-symmetric, singular-isotropic
        mean, parameters["teacher"] = w - _diag(teacher, w.shape), teacher

    def draw(rng, n):
        return [mean + epsilon * _gaussian(rng, (n, *w.shape), kind)]

    def spectrum(layers):
        if w.shape == (3, 3):
            return np.linalg.eigvalsh(layers[0])[..., ::-1]
        return np.linalg.svd(layers[0], compute_uv=False) if name == "singular-isotropic" else _gram(layers)

    return Update(name, parameters, [w], draw, spectrum, [mean])


UPDATES: dict[str, Callable] = {}  # name -> function of a generator: random parameters of order one


def _add(name: str, maker: Callable, **options) -> None:
    UPDATES[name] = partial(maker, name=name, **options)


for _p in ("exact", "batch"):
    for _s in ("independent", "persistent", "contrastive"):
        _add(f"rbm-{_s}-{_p}", _rbm, psi=_s, phi=_p)
    _add(f"rbm-independent-{_p}-wide", _rbm, psi="independent", phi=_p, shape=(2, 4))
    _add(f"rbm-independent-{_p}-tall", _rbm, psi="independent", phi=_p, shape=(4, 3))
_add("rbm-exact-batch", _rbm, psi="exact", phi="batch")
_add("rbm-decay", _rbm, psi="independent", phi="batch", decays=True)
_add("rbm-trained-mu2", _rbm, psi="independent", phi="batch", trains=True)
for _s in ("label", "isotropic", "minibatch"):
    _add(f"regression-{_s}", _regression, noise=_s)
    _add(f"linear-{_s}", _regression, noise=_s, through=True)
_add("regression-minibatch-label", _regression, noise="minibatch-label")
_add("regression-minibatch-colored", _regression, noise="minibatch", colored=True)
_add("regression-minibatch-complex", _regression, noise="minibatch", kind="complex", shape=(4, 3))
_add("linear-isotropic-tall", _regression, noise="isotropic", through=True, shape=(4, 3))
for _l, _s in ((2, "minibatch"), (3, "minibatch"), (2, "label"), (3, "isotropic")):
    _add(f"deep-{_l}-{_s}", _deep, depth=_l, noise=_s)
for _s in ("wishart", "wishart-complex", "laguerre", "ou", "ou-complex", "potential", "potential-gram"):
    _add(_s, _additive)
_add("regression-symmetric", _additive)
_add("singular-isotropic", _additive)
