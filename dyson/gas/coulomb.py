"""The noun: N particles on a line that repel logarithmically, each in a potential of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from dyson.gas import hamiltonian
from dyson.gas.confinement import require_confinement, wells
from dyson.gas.density import Density
from dyson.gas.line import above_minus_one, offender, per_particle
from dyson.gas.stationary import potential_of
from dyson.gas.tridiagonal import Ensemble
from dyson.potential import EVERYWHERE, Described, Function, Potential, checked_walls
from dyson.sde import EigenvalueSDE, require_sde
from streams import LANES, new_entropy
from streams.arguments import count, finite, positive, shown


class CoulombGas(Density):
    r"""The law of N ordered particles x_1 > … > x_N,

        P(x) = Z⁻¹ Π_{i<j} |x_i − x_j|^β exp(−Σ_i V_i(x_i)/g_i²) Π_i x_i^{a_i},   walls[0] < x_i < walls[1].

    It is the stationary law of dx_i = [−V_i'(x_i) + β g_i² Σ_{j≠i} 1/(x_i − x_j)] dt + √2 g_i dB_i, which
    keeps the order (docs/conventions.md). No power of N is hidden in the weight: scale V yourself. Particle i
    is the i-th from above, and V_i, g_i, a_i are its own; for equal particles this is the law of the sorted
    values of the gas without labels.

    Gaussian, Laguerre and Jacobi ensembles (made by `gaussian`, `laguerre`, `jacobi`, or by a parabola with
    one centre and one width) are sampled exactly, by the eigenvalues of tridiagonal matrices; others by
    Hamiltonian Monte Carlo and moves of single particles across barriers.

    Parameters
    ----------
    n : int
        Number of particles N ≥ 1.
    potential : str, numpy.polynomial.Polynomial or callable
        V: a text in x and the names of ``parameters`` such as ``"x**4/4 - c*x**2"`` (the grammar of
        `dyson.language.grammar`), a polynomial, or a function (..., n) -> (..., n).
    beta : float
        β > 0.
    walls : (float, float)
        Ends of the line, the lower one first; infinite where there is none.
    log_weight : float or array, shape (n,)
        a_i > −1; where it is not 0, walls[0] ≥ 0.
    g2 : float or array, shape (n,)
        g_i² > 0.
    derivative : callable, optional
        V' as a function (..., n) -> (..., n), for a potential that is a function.
    parameters : mapping, optional
        Numbers or arrays (n,), by their names in the text.

    Raises
    ------
    TypeError, ValueError
        For malformed input, a derivative that is not that of the potential, or a potential that does not
        confine.
    """

    def __init__(
        self,
        n: int,
        potential: Described,
        beta: float = 1.0,
        walls: tuple[float, float] = EVERYWHERE,
        log_weight: ArrayLike = 0.0,
        g2: ArrayLike = 1.0,
        derivative: Function | None = None,
        parameters: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        n = count("n", n)
        found = Potential.of(potential, derivative, parameters, walls, particles=n)
        self._set(n, found, beta, log_weight, g2)

    def _set(self, n, potential: Potential, beta, log_weight=0.0, g2=1.0, ensemble=None) -> None:
        self.n, self.beta, self.walls = n, positive("beta", beta), potential.walls
        self.g2, self.log_weight = per_particle("g2", g2, n), per_particle("log_weight", log_weight, n)
        if not (self.g2 > 0).all():
            raise ValueError(f"g2 must be > 0, got {self.g2.min():g}")
        if not (self.log_weight > -1).all():
            raise ValueError(
                f"log_weight must be > -1, got {self.log_weight.min():g}: x**a is not integrable at 0"
            )
        if self.log_weight.any() and self.walls[0] < 0:
            raise ValueError(
                f"log_weight is the power of x > 0: pass walls=(0, ...), got walls[0] = {self.walls[0]:g}"
            )
        self.potential, self.ensemble = potential, ensemble or self._gaussian(potential)
        potential.require_derivative()
        self._energy = Potential(potential.text, self._one_energy, self._one_slope, self.walls)
        if self.ensemble is None:
            self._low, self._high = wells(self._energy, n, 0.5 * self.beta * (n - 1) + 1)
            middle = float(np.median(np.r_[self._low, self._high]))
            require_confinement(self._energy, n, self.beta, middle)

    def _gaussian(self, potential: Potential) -> Ensemble | None:
        """The Gaussian ensemble that this is, if it is one."""
        if potential.center is None or potential.width is None:
            return None
        sigma = potential.width * np.sqrt(self.g2)
        same = np.ptp(potential.center) == 0 and np.ptp(sigma) == 0
        if not same or self.walls != EVERYWHERE:
            return None
        return Ensemble("gaussian", self.n, self.beta, center=potential.center[0], scale=sigma[0])

    @classmethod
    def _made(cls, *args, **kwargs) -> Self:
        gas = cls.__new__(cls)
        gas._set(*args, **kwargs)
        return gas

    @classmethod
    def gaussian(cls, n: int, sigma: float = 1.0, beta: float = 1.0, center: float = 0.0) -> Self:
        """The Gaussian ensemble: weight exp(−(x − center)²/2σ²); ⟨Σ(x − center)²⟩ = σ² [n + βn(n − 1)/2]."""
        n, sigma = count("n", n), positive("sigma", sigma)
        return cls.quadratic(np.full(n, float(finite("center", center, (0,)))), sigma, beta)

    @classmethod
    def laguerre(cls, n: int, a: float = 0.0, scale: float = 1.0, beta: float = 1.0) -> Self:
        """The Laguerre ensemble: weight x^a e^{−x/scale} on x > 0.

        Nonzero eigenvalues of WᵀW, W (m, n ≤ m) with entries of variance s², are β = 1, a = (m − n − 1)/2 and
        scale = 2 s².
        """
        n, a, scale = count("n", n), above_minus_one("a", a), positive("scale", scale)
        beta = positive("beta", beta)
        potential = Potential(
            "x/scale", lambda x: x / scale, lambda x: np.full(np.shape(x), 1 / scale), (0.0, math.inf)
        )
        exact = Ensemble("laguerre", n, beta, a, scale=scale)
        return cls._made(n, potential, beta, a, ensemble=exact)

    @classmethod
    def jacobi(cls, n: int, a: float = 0.0, b: float = 0.0, beta: float = 1.0) -> Self:
        """The Jacobi ensemble: weight x^a (1 − x)^b on 0 < x < 1."""
        n, a, b = count("n", n), above_minus_one("a", a), above_minus_one("b", b)
        beta = positive("beta", beta)
        potential = Potential("-b*log(1 - x)", lambda x: -b * np.log1p(-x), lambda x: b / (1 - x), (0.0, 1.0))
        exact = Ensemble("jacobi", n, beta, a, b)
        return cls._made(n, potential, beta, a, ensemble=exact)

    @classmethod
    def quadratic(
        cls,
        centers: ArrayLike,
        widths: ArrayLike,
        beta: float = 1.0,
        walls: tuple[float, float] = EVERYWHERE,
        log_weight: ArrayLike = 0.0,
    ) -> Self:
        """A gas of several species: weight exp(−Σ (x_i − c_i)²/2σ_i²).

        Parameters
        ----------
        centers : array_like, shape (n,)
            c_i, of the particle i-th from above.
        widths : float or array_like, shape (n,)
            σ_i > 0, the width of the particle on its own.
        """
        c = finite("centers", centers, (1,))
        s = per_particle("widths", widths, len(c))
        if not (s > 0).all():
            raise ValueError(f"widths must be > 0, got {s.min():g}")
        return cls._made(len(c), Potential.quadratic(c, s, checked_walls(walls)), beta, log_weight)

    @classmethod
    def of(cls, sde: EigenvalueSDE) -> Self:
        """The stationary law of an eigenvalue SDE with constant noise, whose flow moves each mode by itself.

        Raises
        ------
        ValueError
            If noise or repulsion depend on x otherwise, the noise level on time, or modes are pinned at zero:
            then the stationary law is another, or not known; `dyson.integrate` samples it.
        """
        require_sde(sde)
        return cls._made(sde.n, potential_of(sde), sde.beta, 0.0, sde.g2)

    @property
    def log_normalisation(self) -> float:
        """log Z over x_1 > … > x_n of the ensembles with a matrix model: Mehta's and Selberg's integrals.

        Raises
        ------
        ValueError
            For other gases: Z is not known in closed form.
        """
        if self.ensemble is None:
            raise ValueError(
                "Z is known in closed form for CoulombGas.gaussian, laguerre and jacobi only; others may be "
                "compared by differences of log_density"
            )
        return self.ensemble.log_normalisation

    @property
    def free_energy(self) -> float:
        """−log Z, see `log_normalisation`."""
        return -self.log_normalisation

    def sample(
        self,
        size: int,
        seed: int | None = None,
        workers: int = 1,
        start: ArrayLike | None = None,
        progress: bool = False,
    ) -> np.ndarray:
        """Spectra, shape (size, n), descending.

        Exact and independent for the ensembles with a matrix model. Else from 64 chains, whose states are
        taken two correlation times apart, after a check of split R̂ and the effective number of states.

        Parameters
        ----------
        size : int
            Number of spectra; row r does not depend on it.
        seed : int, optional
            Entropy; default fresh.
        workers : int
            Threads, for the matrix models. The result does not depend on it.
        start : array_like, shape (n,) or (64, n), optional
            Start of the chains, descending and inside the walls; default independent and widely spread, which
            the check of convergence relies on.
        progress : bool
            Show the chains' progress on stderr where that is a terminal.

        Raises
        ------
        ValueError
            For malformed input, and if the chains have not converged.
        """
        size, workers = count("size", size, 0), count("workers", workers)
        seed = new_entropy() if seed is None else count("seed", seed, 0)
        if self.ensemble is not None:
            if start is not None:
                raise ValueError("start is that of Markov chains: this gas is sampled exactly, leave it out")
            return self.ensemble.sample(size, seed, workers)
        return hamiltonian.sample(self._chains(seed, start), size, self.potential.text, progress)[0]

    def mixing(self, seed: int = 0) -> hamiltonian.Mixing | None:
        """How well the chains of `sample` mix; None for gases that need none.

        Raises
        ------
        ValueError
            If they have not converged.
        """
        if self.ensemble is not None:
            return None
        return hamiltonian.sample(self._chains(count("seed", seed, 0), None), 0, self.potential.text)[1]

    def _chains(self, seed: int, start: ArrayLike | None) -> hamiltonian.Chains:
        if start is None:
            x = hamiltonian.spread_start(self._low, self._high, seed)
        else:
            x = self._ordered("start", start)
            if x.ndim > 2 or (x.ndim == 2 and len(x) != LANES):
                raise ValueError(f"start must be ({self.n},) or ({LANES}, {self.n}), got shape {x.shape}")
            if not self._inside(x).all():
                raise ValueError(
                    f"start must be inside the walls {self.walls}, got {offender(x, self._inside(x)):g}"
                )
            if (np.diff(x, axis=-1) == 0).any():
                raise ValueError("start must be in strictly descending order: two particles coincide")
            x = np.broadcast_to(x, (LANES, self.n))
        return hamiltonian.Chains(self._energy, self.beta, x, seed)

    def __repr__(self) -> str:
        kind = self.ensemble.kind if self.ensemble is not None else shown(self.potential.text)
        walls = "" if self.walls == EVERYWHERE else f", walls={self.walls}"
        return f"CoulombGas({kind}, n={self.n}, beta={self.beta:g}{walls})"
