"""Files laid out like the published teacher–student ensembles, from an honest small simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dyson.linear.quenched import gram_matrices

KAPPA, NOISE, INITIAL = 2.0, 0.1, 0.1


def symmetric(rng: np.random.Generator, shape: tuple[int, ...], std: float) -> np.ndarray:
    """Symmetric 2 × 2 matrices, standard deviation std off and √2 std on the diagonal."""
    a = rng.standard_normal((*shape, 2, 2)) * std / np.sqrt(2)
    return a + a.swapaxes(-1, -2)


def train(
    learning_rate: float = 0.2,
    batch_size: int = 16,
    replicas: int = 200,
    batches: int = 100,
    epochs: int = 4,
    save_int: int = 2,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """SGD on one data set, shared by the replicas; noise drawn once per replica and reused each epoch.

    Returns
    -------
    dict of str to ndarray
        The arrays of a published file, ``W`` of shape (replica, record, 2, 2) among them.
    """
    rng = np.random.default_rng(seed)
    gram = gram_matrices(batch_size, batches, 1, seed)[0]
    noise = symmetric(rng, (replicas, batches), NOISE / np.sqrt(batch_size))
    weight = INITIAL * rng.standard_normal((replicas, 2, 2))
    records = [weight]
    for epoch in range(1, epochs + 1):
        for step in range(batches):
            weight = weight + learning_rate * ((KAPPA * np.eye(2) - weight) @ gram[step] + noise[:, step])
        if epoch % save_int == 0 or epoch == epochs:
            records.append(weight)
    recorded = np.stack(records, axis=1)
    return {
        "W": recorded,
        "grad": np.zeros_like(recorded),
        "loss": np.zeros(recorded.shape[:2]),
        "lr": np.float64(learning_rate),
        "batch_size": np.int64(batch_size),
        "noise": np.float64(NOISE),
        "epochs": np.int64(epochs),
        "save_int": np.int64(save_int),
    }


def write(folder: Path, name: str = "TSmodel.npz", **changed: object) -> Path:
    """A file of `train`; keyword arguments that are keys replace arrays (None drops them)."""
    keys = ("W", "grad", "loss", "lr", "noise", "epochs", "save_int", "batch_size")
    arrays = train() | {key: value for key, value in changed.items() if key in keys}
    path = folder / name
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})  # type: ignore[arg-type]
    return path
