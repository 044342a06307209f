"""The Coulomb gas of several species: N particles in wells of their own, any β."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from dyson.laws.base import Array, Law
from dyson.laws.fitting import Fit, Influence, checked_sample, judge
from dyson.laws.gas_chains import Chains
from dyson.laws.gas_table import BURN, CHAINS, MOST, standard, table
from dyson.laws.quadrature import solve
from streams.arguments import count, finite, positive


@dataclass(frozen=True, slots=True)
class SpeciesGas(Law):
    r"""Density of all particles of a Coulomb gas with several species, by sampling.

    P(z) ∝ Π_{i<j} |z_i − z_j|^β exp(−Σ_i (z_i − c_i)²/2σ_i²) for N particles, and x = center + scale·z
    of any one of them. The stationary state of eigenvalues with drift −k_i(x_i − c_i) and noise g_i has
    σ_i² = g_i²/k_i.

    The density is an average over 6000 joint states of 250 Markov chains (`Chains`) of the law of
    one particle given the others (Rao and Blackwell), tabulated at 1024 points and interpolated
    monotonically; `pdf_se` and `moment_se` are its Monte Carlo errors, from the spread between
    chains, of the order of 1 % of the density at N = 10; interpolation adds up to about 1e-3 of
    the largest density at the narrowest widths allowed. All
    but `sample` are deterministic: the chains have the fixed ``seed``. ``rvs``
    draws independent values from the table; `sample` draws joint states. The first use takes about
    a second at N = 10; laws that differ in center and scale alone share it.

    Checked whenever it samples: split R̂ ≤ 1.05 and 2000 effective states for the mean and the square of each
    species and for the order of labels. Exact for any law: ⟨Σ z_i(z_i − c_i)/σ_i²⟩ = N + βN(N − 1)/2.

    Fitted is the center and scale of a gas of given structure: `fit_scale`. Widths of single species
    are not: values carry no labels, and each step would sample anew. For two particles at β = 1
    `TwoSpeciesSemicircle.fit` gives both widths.

    Parameters
    ----------
    centers, sigmas : sequence of float, length N (2 to 64)
        Target and width (> 0) of each particle, units of z; see `of` for whole species.
    beta : float
        Strength of the repulsion, > 0.
    center, scale : float
        x = center + scale·z; scale > 0.
    seed : int
        Of the chains, ≥ 0.

    Raises
    ------
    TypeError, ValueError
        For malformed parameters; at first use, ValueError if the chains have not converged.
    """

    centers: tuple[float, ...]
    sigmas: tuple[float, ...]
    beta: float = 1.0
    center: float = 0.0
    scale: float = 1.0
    seed: int = 0

    _positive = ("scale",)
    _formula = (
        r"\prod_{i<j}|z_i-z_j|^\beta\; e^{-\sum_i (z_i-c_i)^2/2\sigma_i^2},\quad z = \frac{x-\bar{x}}{s}"
    )

    def __post_init__(self) -> None:
        centers, sigmas = (finite(f"SpeciesGas: {k}", getattr(self, k), (1,)) for k in ("centers", "sigmas"))
        if len(centers) != len(sigmas) or not 2 <= len(centers) <= MOST:
            raise ValueError(
                f"SpeciesGas: centers and sigmas must have one length of 2 to {MOST}, "
                f"got {len(centers)} and {len(sigmas)}"
            )
        for value in sigmas:
            positive("SpeciesGas: sigmas", value)
        values = {
            "centers": tuple(centers.tolist()),
            "sigmas": tuple(sigmas.tolist()),
            "beta": positive("SpeciesGas: beta", self.beta),
            "center": float(finite("SpeciesGas: center", self.center, (0,))),
            "scale": positive("SpeciesGas: scale", self.scale),
            "seed": count("SpeciesGas: seed", self.seed, 0),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(
        cls, sizes: Sequence[int], centers: Sequence[float], sigmas: Sequence[float], beta: float = 1.0
    ) -> Self:
        """A gas of species: ``sizes[k]`` particles of target ``centers[k]`` and width ``sigmas[k]``."""
        if not len(sizes) == len(centers) == len(sigmas):
            raise ValueError(
                "SpeciesGas.of: sizes, centers and sigmas must have one entry per species, "
                f"got {len(sizes)}, {len(centers)} and {len(sigmas)}"
            )
        sizes = [count("SpeciesGas.of: sizes", n) for n in sizes]
        return cls(tuple(np.repeat(centers, sizes)), tuple(np.repeat(sigmas, sizes)), beta)

    def sample(self, size: int, rng: np.random.Generator | int | None = None) -> Array:
        """Joint states, shape (size, N), by label: column i is the particle of centers[i], sigmas[i].

        From min(size, 250) chains, whose states are taken at least two correlation times apart:
        nearly independent. Sort a row for its spectrum; `spacings` are the differences of neighbours.
        """
        size, apart = count("size", size, 0), table(*self._key).apart
        c, s, unit, middle = standard(self.centers, self.sigmas)
        chains = Chains(c, s, self.beta, max(1, min(size, CHAINS)), np.random.default_rng(rng))
        chains.sweep(BURN, adapt=True)
        parts = []
        for _ in range(-(-size // CHAINS)):
            chains.sweep(apart)
            parts.append(chains.x.T.copy())
        z = np.concatenate(parts)[:size] if parts else np.empty((0, len(c)))
        return self.center + self.scale * (middle + unit * z)

    def spacings(self, size: int, rng: np.random.Generator | int | None = None) -> Array:
        """Distances of neighbours from low to high, shape (size, N − 1), of joint states of `sample`."""
        return np.diff(np.sort(self.sample(size, rng), axis=1), axis=1)

    def pdf_se(self, x: ArrayLike) -> Array:
        """Standard error of `pdf` at x, from the spread between chains; units 1/x."""
        z = self._standard(x)
        found = table(*self._key)
        return (np.interp(z, found.grid, found.error, 0.0, 0.0) / self.scale)[()]

    def moment_se(self, order: int) -> float:
        """Monte Carlo standard error of ⟨z^order⟩, the moment at center = 0 and scale = 1; order ≤ 64."""
        return float(table(*self._key).moments_error[count("order", order, 0)])

    @property
    def rhat(self) -> float:
        """Largest split R̂ of the quantities checked."""
        return table(*self._key).rhat

    @property
    def effective(self) -> float:
        """Smallest effective number of states of the quantities checked."""
        return table(*self._key).effective

    @classmethod
    def fit(cls, sample: ArrayLike) -> Fit[Self]:
        """Refused: a sample of unlabelled values does not tell the structure of a gas.

        Raises
        ------
        ValueError
            Always; says what to use.
        """
        checked_sample(cls.__name__, sample)
        raise ValueError(
            "SpeciesGas.fit: values without labels do not tell the species; use gas.fit_scale(sample) with "
            "a gas of known centers and sigmas, or TwoSpeciesSemicircle.fit for pairs"
        )

    def fit_scale(self, sample: ArrayLike) -> Fit[SpeciesGas]:
        """Center and scale of a gas of this structure, by the mean and variance of all values.

        Parameters
        ----------
        sample : array_like, shape (n,) or (n, N)
            Values; rows (all particles of a replica, in any order) are independent.

        Returns
        -------
        Fit
            A gas with fitted center and scale; the rest is held. The Monte Carlo error of the table is not in
            the errors, and bounds the p-value's use to samples below about 1e5 effective values.

        Raises
        ------
        ValueError, TypeError
            See `Law.fit`.
        """
        x = checked_sample("SpeciesGas", sample)
        mean, std = x.mean(), x.std()
        first, width = self._moment(1), math.sqrt(self._moment(2) - self._moment(1) ** 2)
        d_scale = ((x - mean) ** 2 - std**2) / (2 * std * width)
        law = SpeciesGas(
            self.centers,
            self.sigmas,
            self.beta,
            float(mean - first * std / width),
            float(std / width),
            self.seed,
        )
        return judge(law, x, {"center": x - mean - first * d_scale, "scale": d_scale})

    @property
    def _key(self) -> tuple:
        return self.centers, self.sigmas, self.beta, self.seed

    @property
    def _loc(self) -> float:
        return self.center

    @property
    def _scale(self) -> float:
        return self.scale

    def _pdf(self, z: Array) -> Array:
        grid, density = table(*self._key)[:2]
        inside = (z >= grid[0]) & (z <= grid[-1]) | np.isnan(z)
        return np.where(inside, density(np.clip(z, grid[0], grid[-1])), 0.0)

    def _cdf(self, z: Array) -> Array:
        grid, _, cdf = table(*self._key)[:3]
        return np.clip(cdf(np.clip(z, grid[0], grid[-1])), 0, 1)

    def _sf(self, z: Array) -> Array:
        return 1 - self._cdf(z)

    def _ppf(self, q: Array) -> Array:
        grid, _, cdf = table(*self._key)[:3]
        unit = float(grid[-1] - grid[0]) / 20
        nodes = cdf(grid)
        k = np.clip(np.searchsorted(nodes, q) - 1, 0, grid.size - 2)
        start = (grid[k] + grid[k + 1]) / 2
        z = solve(self._cdf, self._pdf, np.asarray(q), grid[k], grid[k + 1], start, True, unit)
        return np.where(np.asarray(q) <= 0, -np.inf, np.where(np.asarray(q) >= 1, np.inf, z))

    def _rvs(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        return self._ppf(rng.random(size))

    def _moment(self, k: int) -> float:
        return float(table(*self._key).moments[k])

    @classmethod
    def _estimate(cls, x: Array) -> tuple[Self, Influence]:
        raise ValueError("SpeciesGas.fit: use fit_scale of a gas of known structure")
