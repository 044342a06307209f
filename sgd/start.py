"""First weights of an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sgd.members import optional, require, shapes_of
from sgd.protocol import Layers, Model
from streams import LANES, blocks, fill_normal, kernel, new_entropy, states
from streams.arguments import count, finite, positive
from streams.matrices import LARGEST, within

FIXED_POINT = "fixed-point"

Shapes = tuple[tuple[int, int], ...]
Initial = float | str | np.ndarray | Sequence[np.ndarray]


@kernel(nogil=True)
def _normals(state, out):
    fill_normal(state, out, out.shape[0] // 2)


def initial_weights(
    model: Model,
    replicas: int,
    seed: int | None = None,
    initial: Initial = 0.1,
    weight_decay: float = 0.0,
) -> np.ndarray | Layers:
    """The weights from which ``train`` starts, given the same arguments.

    Parameters
    ----------
    model : Model
        GaussianRBM, LinearNetwork, ActivationNetwork, or one of your own; of that, `Model.shapes` suffices.
    replicas : int
    seed : int, optional
        Non-negative; needed to repeat random weights.
    initial : float, "fixed-point", array_like or sequence of array_like
        Width s >= 0 of independent entries N(0, s²) (> 0 for models that would not leave zero); weights at
        which the mean gradient vanishes; or the weights, shape (row, col) or (replicas, row, col); for
        several trained layers a sequence of such arrays, from the input on.
    weight_decay : float
        λ, which moves the fixed point.

    Returns
    -------
    ndarray, shape (replicas, row, col), or a tuple of them for several trained layers

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or the model lacks what is needed or is not defined at given
        weights.
    """
    seed = new_entropy() if seed is None else count("seed", seed, 0)
    decay = positive("weight_decay", weight_decay, zero=True)
    layers = first_layers(model, count("replicas", replicas), seed, initial, decay)
    return layers if len(layers) > 1 else layers[0]


def first_layers(
    model: Model, replicas: int, seed: int, initial: Initial, weight_decay: float = 0.0
) -> Layers:
    """As `initial_weights`, a tuple also for one layer."""
    require(model, "sgd.initial_weights", ["shapes"])
    shapes = shapes_of(model)
    if isinstance(initial, str):
        if initial != FIXED_POINT:
            raise ValueError(f"initial must be a number, weights or {FIXED_POINT!r}, got {initial!r:.60}")
        require(model, f"initial {FIXED_POINT!r}", ["fixed_point"])
        return tuple(np.tile(w, (replicas, 1, 1)) for w in optional(model, "fixed_point")(weight_decay))
    if isinstance(initial, int | float | np.number):
        width = positive("initial", initial, zero=optional(model, "leaves_zero"))
        layers = _normal_layers(shapes, replicas, seed, width)
        if optional(model, "symmetric"):  # the symmetric part of a random W
            return tuple(0.5 * (w + w.swapaxes(-1, -2)) for w in layers)
        return layers
    layers = _given(shapes, replicas, initial)
    optional(model, "check_weights")(layers)
    return layers


def _normal_layers(shapes: Shapes, replicas: int, seed: int, width: float) -> Layers:
    """One stream a replica, through all layers."""
    sizes = [rows * columns for rows, columns in shapes]
    entries = sum(sizes)
    rows = np.empty((entries + entries % 2, LANES))
    out = np.empty((blocks(replicas), LANES, entries))
    for block, state in zip(out, states(seed, "sgd weights", 0, replicas), strict=True):
        _normals(state, rows)
        block[:] = rows[:entries].T
    if width > LARGEST:
        raise ValueError(f"initial must be at most {LARGEST:g} as a width of weights, got {width:g}")
    flat = width * out.reshape(-1, entries)[:replicas]
    ends = np.cumsum(sizes)
    parts = (flat[:, end - size : end] for size, end in zip(sizes, ends, strict=True))
    return tuple(part.reshape(replicas, *shape) for part, shape in zip(parts, shapes, strict=True))


def _given(shapes: Shapes, replicas: int, initial: Any) -> Layers:
    several = len(shapes) > 1
    if several and (not isinstance(initial, list | tuple) or len(initial) != len(shapes)):
        raise ValueError(
            f"initial must be a sequence of {len(shapes)} arrays, one a trained layer, of shapes "
            f"{', '.join(map(str, shapes))}"
        )
    layers = []
    for number, (shape, given) in enumerate(zip(shapes, initial if several else [initial], strict=True)):
        name = f"initial[{number}]" if several else "initial"
        w = within(name, finite(name, given, (2, 3)))
        if w.shape not in (shape, (replicas, *shape)):
            raise ValueError(f"{name} must have shape {shape} or {(replicas, *shape)}, got {w.shape}")
        layers.append(np.array(np.broadcast_to(w, (replicas, *shape))))
    return tuple(layers)
