"""The teacher–student model with symmetric gradient noise: what an ensemble on one data set does."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import xarray as xr

from dyson.linear.quenched import epoch_map, gram_matrices, mean_length, propagate
from streams.arguments import count, finite, positive
from streams.version import installed_version

_MODES = 2
# Centre, difference and off-diagonal sum of a 2 × 2 matrix: x± = centre ± hypot(difference, sum)/2.
_FEATURES = np.array([[[0.5, 0.0], [0.0, 0.5]], [[1.0, 0.0], [0.0, -1.0]], [[0.0, 1.0], [1.0, 0.0]]])


@dataclass(frozen=True, slots=True)
class TeacherStudent:
    r"""A linear 2 × 2 student learning κ·1 by SGD, with symmetric noise on its gradient.

    One step with mini-batch b, all replicas seeing the same batches in the same order each epoch::

        W ← W + α [(κ·1 − W) C_b + ā_b],   C_b = ⟨x xᵀ⟩ over the |B| samples of b,  x ~ N(0, 1)

    ā_b is the mean over the batch of symmetric noise with standard deviation ε off and √2 ε on the
    diagonal, drawn once per replica and reused each epoch; W_0 has independent N(0, s²) entries.
    W stays slightly asymmetric, because C_b multiplies from one side; its eigenvalues are those of the
    symmetric part (W + Wᵀ)/2, always real, whose spacing equals that of the singular values of W.

    `pair` replaces C_b by its mean 1 and gives closed forms; `matrix` keeps C_b, exactly.

    Parameters
    ----------
    learning_rate : float
        α, between 0 and 2 (units: 1). Beyond 2 the mean diverges.
    batch_size : int
        \|B\|, samples a step.
    noise : float
        ε, standard deviation of one sample's off-diagonal gradient noise (units: 1).
    teacher : float
        κ, both eigenvalues of the teacher (units: 1).
    batches : int
        Mini-batches of the data set: steps an epoch.
    initial_std : float
        s, standard deviation of the entries of W_0 (units: 1).

    Raises
    ------
    TypeError, ValueError
        A value is not a number, or is out of its range.

    References
    ----------
    Aarts, Lucini, Park, arXiv:2407.16427; data release DOI 10.5281/zenodo.13294081.
    """

    learning_rate: float
    batch_size: int
    noise: float
    teacher: float = 2.0
    batches: int = 500
    initial_std: float = 0.1

    def __post_init__(self) -> None:
        count("batch_size", self.batch_size)
        count("batches", self.batches)
        if positive("learning_rate", self.learning_rate) >= 2:
            raise ValueError(f"learning_rate must be < 2 for SGD to be stable, got {self.learning_rate!r}")
        positive("noise", self.noise)
        positive("initial_std", self.initial_std, zero=True)
        finite("teacher", self.teacher, ndim=(0,))

    @property
    def noise_level(self) -> float:
        """T = α/|B| (units: 1)."""
        return self.learning_rate / self.batch_size

    @property
    def width(self) -> float:
        """σ of level `pair`: σ² = T ε² · 2/(2 − α), stationary, no mini-batch noise (units: 1)."""
        return math.sqrt(self.noise_level * self.noise**2 * 2 / (2 - self.learning_rate))

    def pair(self, times: Sequence[float] | np.ndarray, start: float | None = None) -> xr.Dataset:
        r"""Level `pair`: the data's covariance replaced by its mean, in closed form.

        With q = 1 − α and t = α n, W's symmetric part is κ (1 − qⁿ)·1 plus a 2 × 2 GOE matrix of width
        σ_n² = s² q²ⁿ + σ² (1 − q²ⁿ), so ⟨x±⟩ = κ (1 − qⁿ) ± √π σ_n/2 and ⟨S⟩ = √π σ_n.

        Parameters
        ----------
        times : array_like, shape (time,)
            Increasing times t = α n of `mean_path` (units: 1).
        start : float, optional
            Statistics are averaged over t >= start; default: the second half of the times' span.

        Returns
        -------
        Dataset
            `mean_eigenvalue`, `width`, `mean_spacing`, `spacing_ratio`, `mean_path`; nothing is random.

        Raises
        ------
        TypeError, ValueError
            `times` are not finite, increasing and >= 0, or none lies in the window.
        """
        times = _times(times)
        window = _window(times, start)
        decay = np.abs(1 - self.learning_rate) ** (times / self.learning_rate)
        # Between steps the sign of q < 0 means nothing; whole steps keep it.
        sign = np.where((self.learning_rate > 1) & (np.rint(times / self.learning_rate) % 2 == 1), -1.0, 1.0)
        width2 = self.initial_std**2 * decay**2 + self.width**2 * (1 - decay**2)
        moments = {
            "centre": self.teacher * (1 - sign * decay),
            "spacing": np.sqrt(np.pi * width2),
            "spacing2": 4 * width2,
            "width2": width2,
        }
        return _dataset(self, "pair", times, {k: v[None] for k, v in moments.items()}, window, {})

    def matrix(
        self,
        times: Sequence[float] | np.ndarray,
        start: float | None = None,
        data_sets: int = 200,
        seed: int = 0,
    ) -> xr.Dataset:
        r"""Level `matrix`: mini-batches kept, the noise averaged exactly, one data set after another.

        On a given data set vec(W) is Gaussian. One epoch maps δ = W − κ·1 to δ P + G, with
        P = Π_b (1 − α C_b) and G Gaussian, its covariance a linear recursion over the batches; the noise
        being the same each epoch, after e epochs δ = δ_0 Pᵉ + G Σ_{k<e} Pᵏ. From mean and covariance of
        the symmetric part follow ⟨S⟩ (`mean_length`), the width and the mean path, without sampling.

        An ensemble whose replicas share one data set is one draw of that data set. The prediction is
        the mean over `data_sets` simulated ones, and its error `<name>_se` the standard deviation
        between them (with the small error of that mean): it does not shrink with more replicas.

        Parameters
        ----------
        times : array_like, shape (time,)
            Increasing times, whole epochs: multiples of α · batches (units: 1).
        start : float, optional
            Statistics are averaged over t >= start; default: the second half of the times' span.
        data_sets : int
            Simulated data sets, at least 2. Each has its own stream: more of them extend the same list.
        seed : int
            Entropy of the simulated data sets; the result depends on nothing else.

        Returns
        -------
        Dataset
            As `pair`, each variable with its `<name>_se`.

        Raises
        ------
        TypeError, ValueError
            `times` are not whole epochs, none lies in the window, `data_sets` or `seed` is not a count, or
            SGD diverges: in mean square it is stable for α (1 + 3/|B|) < 2.
        """
        times = _times(times)
        window = _window(times, start)
        data_sets, seed = count("data_sets", data_sets, least=2), count("seed", seed, least=0)
        epochs = _epochs(times, self.learning_rate * self.batches)
        batches = gram_matrices(self.batch_size, self.batches, data_sets, seed)
        with np.errstate(over="ignore", invalid="ignore"):
            epoch_of = epoch_map(batches, self.learning_rate, self.noise, self.batch_size)
            path = [_moments(*_after(self, int(epoch), *epoch_of)) for epoch in epochs]
        moments = {name: np.stack([point[name] for point in path], axis=1) for name in path[0]}
        if not np.isfinite(moments["spacing2"]).all():
            raise ValueError(
                f"SGD diverges on simulated data at learning_rate {self.learning_rate}, batch_size "
                f"{self.batch_size}; it is stable in mean square below {2 / (1 + 3 / self.batch_size):.3g}"
            )
        return _dataset(self, "matrix", times, moments, window, {"data_sets": data_sets, "seed": str(seed)})


def _after(
    model: TeacherStudent, epochs: int, propagator: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of W and covariance [i, j, k, l] = Cov(W_ik, W_jl) after whole epochs, per data set."""
    eye, zero = np.eye(_MODES), np.zeros_like(propagator)
    # [[P, 1], [0, 1]]ᵉ holds Pᵉ and Σ_{k<e} Pᵏ: the noise is the same each epoch, so it adds up.
    epoch = np.block([[propagator, zero + eye], [zero, zero + eye]])
    after = np.linalg.matrix_power(epoch, epochs)
    power, series = after[:, :_MODES, :_MODES], after[:, :_MODES, _MODES:]
    initial = model.initial_std**2 * np.einsum("ij,kl->ijkl", eye, eye)
    total = propagate(covariance, series) + propagate(initial, power)
    return model.teacher * (eye - power), total


def _moments(mean: np.ndarray, covariance: np.ndarray) -> dict[str, np.ndarray]:
    """⟨centre⟩, ⟨S⟩, ⟨S²⟩ and σ² of (W + Wᵀ)/2's eigenvalues, per data set."""
    first = np.einsum("fik,...ik->...f", _FEATURES, mean)
    second = np.einsum("fik,...ijkl,gjl->...fg", _FEATURES, covariance, _FEATURES)
    difference, offdiagonal = first[..., 1], first[..., 2]
    spacing2 = difference**2 + offdiagonal**2 + second[..., 1, 1] + second[..., 2, 2]
    return {
        "centre": first[..., 0],
        "spacing": mean_length(first[..., 1:], second[..., 1:, 1:]),
        "spacing2": spacing2,
        "width2": (second[..., 0, 0] + spacing2 / 4) * 2 / (_MODES + 1),
    }


def _dataset(
    model: TeacherStudent,
    level: str,
    times: np.ndarray,
    moments: dict[str, np.ndarray],
    window: np.ndarray,
    provenance: dict[str, int | str],
) -> xr.Dataset:
    """The Dataset of a closed-form level from moments of shape (data_sets, time)."""
    half = moments["spacing"] / 2
    path = np.stack([moments["centre"] + half, moments["centre"] - half], axis=-1)
    spacing = moments["spacing"][:, window].mean(axis=1)
    spacing2 = moments["spacing2"][:, window].mean(axis=1)
    draws = {
        "mean_eigenvalue": (("mode",), path[:, window].mean(axis=1), "mean eigenvalue"),
        "width": (
            ("multiplet",),
            np.sqrt(moments["width2"][:, window].mean(axis=1))[:, None],
            "width σ of a multiplet",
        ),
        "mean_spacing": (("pair",), spacing[:, None], "mean spacing ⟨S⟩ of a pair"),
        "spacing_ratio": (("pair",), (spacing2 / spacing**2)[:, None], "⟨S²⟩/⟨S⟩² of a pair"),
        "mean_path": (("time", "mode"), path, "mean eigenvalue in time"),
    }
    variables = {}
    for name, (dims, values, label) in draws.items():
        variables[name] = (dims, values.mean(axis=0), _attrs(label))
        if len(values) > 1:
            error = values.std(axis=0, ddof=1) * math.sqrt(1 + 1 / len(values))
            variables[f"{name}_se"] = (dims, error, _attrs(f"deviation of the {label} between data sets"))
    parameters = {name: _plain(value) for name, value in {**asdict(model), **provenance}.items()}
    attrs = {
        "kind": "theory",
        "level": level,
        "matrix": "W",
        "model": "teacher_student",
        "parameters": json.dumps(parameters, sort_keys=True),
        "version": installed_version(),
    }
    if "data_sets" in provenance:
        attrs["error"] = "between data sets"  # what the _se are
    if "seed" in provenance:
        attrs["seed"] = str(provenance["seed"])
    return xr.Dataset(variables, _coords(model, times), attrs)


def _coords(model: TeacherStudent, times: np.ndarray) -> dict[str, tuple]:
    target = np.full(_MODES, float(model.teacher))
    return {
        "time": ("time", times, _attrs("time t = α n")),
        "mode": ("mode", np.arange(_MODES), _attrs("mode, by descending eigenvalue")),
        "target": ("mode", target, _attrs("eigenvalue without noise")),
        "multiplet": ("multiplet", [0], _attrs("group of modes with equal target")),
        "multiplet_target": ("multiplet", target[:1], _attrs("target of the multiplet")),
        "multiplet_size": ("multiplet", [_MODES], _attrs("modes of the multiplet")),
        "pair": ("pair", [0], _attrs("multiplet of two modes")),
        "pair_upper": ("pair", [0], _attrs("upper mode of the pair")),
        "learning_rate": ((), float(model.learning_rate), _attrs("learning rate α")),
        "batch_size": ((), int(model.batch_size), _attrs("batch size |B|")),
        "noise_level": ((), model.noise_level, _attrs("noise level T = α/|B|")),
    }


def _attrs(label: str) -> dict[str, str]:
    return {"long_name": label, "units": "1"}


def _plain(value: object) -> object:
    """A NumPy number as the Python number that JSON takes."""
    return value.item() if isinstance(value, np.generic) else value


def _times(times: Sequence[float] | np.ndarray) -> np.ndarray:
    times = finite("times", times, ndim=(1,))
    if times[0] < 0 or (np.diff(times) <= 0).any():
        raise ValueError("times must be >= 0 and increasing; sort them and drop the repeats")
    return times


def _window(times: np.ndarray, start: float | None) -> np.ndarray:
    """Which times are stationary: t >= start, by default the second half of the span."""
    if start is None:
        start = times[0] + (times[-1] - times[0]) / 2
    window = times >= finite("start", start, ndim=(0,))
    if not window.any():
        raise ValueError(f"start must be at most the last time {times[-1]:g}, got {start}")
    return window


def _epochs(times: np.ndarray, length: float) -> np.ndarray:
    epochs = np.rint(times / length)
    off = ~np.isclose(times, epochs * length, rtol=1e-9, atol=1e-9 * length)
    if off.any():
        raise ValueError(
            f"times must be whole epochs, multiples of α · batches = {length:g}; got {times[off][0]:g}"
        )
    return epochs
