"""First weights of an ensemble, and the memory of one block of replicas."""

from __future__ import annotations

import numpy as np

from sgd.rbm import MODEL_AVERAGES, GaussianRBM
from sgd.rbm_kernels import Block, Setting
from streams import LANES, blocks, fill_normal, kernel, new_entropy, states
from streams.arguments import count, finite, positive

FIXED_POINT = "fixed-point"
CACHE_LINE = 64


@kernel(nogil=True)
def _normals(state, out):
    fill_normal(state, out, out.shape[0] // 2)


def initial_weights(
    model: GaussianRBM, replicas: int, seed: int | None = None, initial: float | str | np.ndarray = 0.1
) -> np.ndarray:
    """The weights from which ``train`` starts, given the same arguments.

    Parameters
    ----------
    model : GaussianRBM
    replicas : int
    seed : int, optional
        Non-negative; needed to repeat random weights.
    initial : float, "fixed-point" or array_like
        Width s of independent entries N(0, s²); weights with the target spectrum in the target's
        eigenvectors; or the weights, shape (n_hidden, n_visible) or (replicas, n_hidden, n_visible).

    Returns
    -------
    ndarray, shape (replicas, n_hidden, n_visible)

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or given weights have σ_h² WᵀW >= μ².
    """
    if not isinstance(model, GaussianRBM):
        raise TypeError(f"model must be a GaussianRBM, got {type(model).__name__}")
    replicas = count("replicas", replicas)
    seed = new_entropy() if seed is None else count("seed", seed, 0)
    shape = (model.n_hidden, model.n_visible)
    if isinstance(initial, str):
        if initial != FIXED_POINT:
            raise ValueError(f"initial must be a number, weights or {FIXED_POINT!r}, got {initial!r:.60}")
        rank = min(shape)
        w = np.zeros(shape)
        w[:rank] = np.sqrt(model.target_spectrum[:rank, None]) * model.basis.T[:rank]
        return np.tile(w, (replicas, 1, 1))
    if np.ndim(initial) == 0:
        return positive("initial", initial) * _standard_normal(seed, replicas, shape)
    return _given(model, replicas, initial)


def _standard_normal(seed: int, replicas: int, shape: tuple[int, int]) -> np.ndarray:
    """One stream a replica: shape (replicas, *shape)."""
    entries = shape[0] * shape[1]
    rows = np.empty((entries + entries % 2, LANES))
    out = np.empty((blocks(replicas), LANES, *shape))
    for block, state in zip(out, states(seed, "sgd weights", 0, replicas), strict=True):
        _normals(state, rows)
        block[:] = rows[:entries].T.reshape(LANES, *shape)
    return out.reshape(-1, *shape)[:replicas]


def _given(model: GaussianRBM, replicas: int, initial: object) -> np.ndarray:
    w = finite("initial", initial, (2, 3))
    shape = (model.n_hidden, model.n_visible)
    if w.shape not in (shape, (replicas, *shape)):
        raise ValueError(f"initial must have shape {shape} or {(replicas, *shape)}, got {w.shape}")
    largest = np.atleast_1d(np.linalg.norm(w, ord=2, axis=(-2, -1)) ** 2)
    edge = model.mu2 / model.sigma_h**2
    if (largest >= edge).any():
        worst = int(largest.argmax())
        raise ValueError(
            f"initial must have all eigenvalues of WᵀW below mu2/sigma_h² = {edge:g}, where the model is a "
            f"distribution; replica {worst} has {largest[worst]:g}"
        )
    return np.array(np.broadcast_to(w, (replicas, *shape)))


def setting(model: GaussianRBM, learning_rate: float, batch_size: int) -> Setting:
    """What the kernels need to know that all replicas share."""
    return Setting(
        average=MODEL_AVERAGES.index(model.model_average),
        fresh_data=model.data == "batch",
        sweeps=model.sweeps,
        batch=batch_size,
        mu2=model.mu2,
        sigma2=model.sigma_h**2,
        rate=learning_rate,
    )


def _aligned(*shape: int, dtype: type = np.float64) -> np.ndarray:
    """Zeros that start at a cache line: vectors across two lines make the kernels half as fast."""
    size = int(np.prod(shape)) * 8
    raw = np.zeros(size + CACHE_LINE, dtype=np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + size].view(dtype).reshape(shape)


def new_block(model: GaussianRBM, batch_size: int, state: np.ndarray, weights: np.ndarray) -> Block:
    """Memory for one block that starts at ``weights`` (replica, n_hidden, n_visible), <= LANES of them."""

    def zeros(*shape: int) -> np.ndarray:
        return _aligned(*shape, LANES)

    def filled(matrix: np.ndarray) -> np.ndarray:
        out = zeros(*matrix.shape[:2])
        out[:] = matrix
        return out

    n, rank = model.n_visible, min(model.n_visible, batch_size)
    padded = weights[np.minimum(np.arange(LANES), len(weights) - 1)]
    generator = _aligned(*state.shape, dtype=np.uint64)
    generator[:] = state
    return Block(
        state=generator, weights=filled(padded.transpose(1, 2, 0)), spare=zeros(2, n),
        failed=np.full(LANES, -1), valid=zeros(), ones=filled(np.ones((1, 1, 1))),
        precision=zeros(n, n), reciprocal=zeros(n, 1),
        sweep=zeros(2 * n, n), r=zeros(n, n), sum=zeros(n, n), product=zeros(n, n),
        chains=zeros(rank, 2 * n + 1), draw=zeros(rank, n + 1), rest=zeros(n, n + 1), gamma=zeros(n + 1),
        samples=zeros(2 * rank, n), moment=zeros(n, n),
        data=filled(model.covariance[:, :, None]),
        data_factor=filled(np.linalg.cholesky(model.covariance).T[:, :, None]),
        data_samples=zeros(rank, n),
    )  # fmt: skip
