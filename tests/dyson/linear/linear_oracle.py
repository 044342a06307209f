"""SGD of a linear network, written down twice more: literally, and as one recursion on vec(W)."""

from __future__ import annotations

import numpy as np


def complete(kw: dict) -> dict:
    """Every option, with Z and C as matrices."""
    m, n = np.shape(kw["teacher"])
    base = dict(noise="none", eps=0.0, data="batch", momentum=0.0, weight_decay=0.0, symmetric=False)
    full = base | kw
    full["output"] = np.eye(m) if full.get("output") is None else np.asarray(full["output"])
    full["covariance"] = np.eye(n) if full.get("covariance") is None else np.asarray(full["covariance"])
    return full


def simulate(kw: dict, w: np.ndarray, steps: list[int], rng: np.random.Generator) -> np.ndarray:
    """Literal SGD, sample by sample: weights (replica, record, M, N) at increasing ``steps``."""
    o = complete(kw)
    a, z, c, eps, b, alpha = (
        o[k] for k in ("teacher", "output", "covariance", "eps", "batch_size", "learning_rate")
    )
    root, count = np.linalg.cholesky(c), len(w)
    (m, n), k = a.shape, len(z)
    v, out = np.zeros_like(w), []
    for step in range(steps[-1] + 1):
        if step in steps:
            out.append(w.copy())
        x = rng.standard_normal((count, b, n)) @ root.T
        eta = rng.standard_normal((count, b, k))
        kick = rng.standard_normal((count, b, m, n))
        if o["data"] == "batch":
            error = np.einsum("ki,rij,rsj->rsk", z, a - w, x)
            if o["noise"] == "label":
                error = error + eps * eta
            g = -np.einsum("ki,rsk,rsj->rij", z, error, x) / b
        else:
            g = -z.T @ z @ (a - w) @ c
            if o["noise"] == "label":  # Gaussian, of the covariance that the mean of η xᵀ has
                white = rng.standard_normal((count, k, n)) / np.sqrt(b)
                g = g - eps * z.T @ white @ root.T
        if o["noise"] == "isotropic":
            g = g - eps * kick.mean(axis=1)
        if o["noise"] == "symmetric":
            g = g - eps * (kick + kick.swapaxes(-1, -2)).mean(axis=1) / np.sqrt(2)
        if o["symmetric"]:
            g = (g + g.swapaxes(-1, -2)) / 2
        v = o["momentum"] * v - alpha * (g + o["weight_decay"] * w)
        w = w + v
    return np.stack(out, axis=1)


def sample_covariance(o: dict) -> np.ndarray:
    """Of one sample's additive gradient noise, (M, N, M, N), in the original basis."""
    m, n = o["teacher"].shape
    one, turned = np.einsum("ik,jl->ijkl", np.eye(m), np.eye(n)), None
    if not isinstance(o["noise"], str):
        full = np.asarray(o["noise"])
    elif o["noise"] == "label":
        full = o["eps"] ** 2 * np.einsum("ik,jl->ijkl", o["output"].T @ o["output"], o["covariance"])
    elif o["noise"] == "isotropic":
        full = o["eps"] ** 2 * one
    elif o["noise"] == "symmetric":
        turned = np.einsum("il,jk->ijkl", np.eye(m), np.eye(n))
        full = o["eps"] ** 2 * (one + turned)
    else:
        full = 0.0 * one
    if o["symmetric"]:
        full = (full + full.transpose(1, 0, 2, 3)) / 2
        full = (full + full.transpose(0, 1, 3, 2)) / 2
    return full


def wick(o: dict, second: np.ndarray) -> np.ndarray:
    """Covariance of one sample's ZᵀZ u x xᵀ given E[u u], (M N, M N) to (M N, M N)."""
    m, n = o["teacher"].shape
    p, c = o["output"].T @ o["output"], o["covariance"]
    r = np.einsum("ip,kq,pmqn->imkn", p, p, second.reshape(m, n, m, n))
    full = np.einsum("imkn,mn,jl->ijkl", r, c, c) + np.einsum("imkn,ml,jn->ijkl", r, c, c)
    return full.reshape(m * n, m * n)


def pull(o: dict) -> np.ndarray:
    """The mean gradient's matrix on vec(W − A), (M N, M N), weight decay aside."""
    m, n = o["teacher"].shape
    out = np.kron(o["output"].T @ o["output"], o["covariance"])
    if o["symmetric"]:
        out = (np.kron(np.eye(m), o["covariance"]) + np.kron(o["covariance"], np.eye(n))) / 2
    return out


def recursion(kw: dict, mean: np.ndarray, covariance: np.ndarray, steps: list[int]) -> tuple:
    """Mean (record, M, N) and covariance (record, M, N, M, N) of W, from vec(W) and vec(v), no eigenbasis."""
    o = complete(kw)
    m, n = o["teacher"].shape
    size, alpha, lam = m * n, o["learning_rate"], o["weight_decay"]
    a, h, one = o["teacher"].ravel(), pull(o), np.eye(size)
    slope = alpha * (h + lam * one)
    step = np.block([[one - slope, o["momentum"] * one], [-slope, o["momentum"] * one]])
    shift = np.r_[-alpha * lam * a, -alpha * lam * a]  # in u = W − A
    additive = sample_covariance(o).reshape(size, size)
    x, s = np.r_[mean.ravel() - a, 0 * a], np.zeros((2 * size, 2 * size))
    s[:size, :size] = covariance.reshape(size, size)
    means, covariances = [], []
    for number in range(steps[-1] + 1):
        if number in steps:
            means.append((x[:size] + a).reshape(m, n))
            covariances.append(s[:size, :size].reshape(m, n, m, n))
        noise = additive
        if o["data"] == "batch":
            noise = noise + wick(o, s[:size, :size] + np.outer(x[:size], x[:size]))
        s = step @ s @ step.T + alpha**2 / o["batch_size"] * np.tile(noise, (2, 2))
        x = step @ x + shift
    return np.array(means), np.array(covariances)
