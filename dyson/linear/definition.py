"""SGD of a linear network, one trained layer: what defines it, and whether it is stable."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from dyson.linear.arguments import check_noise
from dyson.linear.basis import Basis, eigenbasis
from dyson.linear.batches import growth
from dyson.linear.moments import Flow
from dyson.linear.sampling import gram_spectra, symmetric_spectra
from streams.arguments import choice, count, flag, positive
from streams.matrices import LARGEST, input_covariance, matrix, output_layer, unlearnt

NOISES = ("none", "label", "isotropic", "symmetric")
DATA = ("batch", "exact")
SPECTRA = ("gram", "symmetric")

_INVISIBLE = 1e-13
"""Growth a step that is rounding, not an instability: it takes 10¹² steps to show."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LinearStep:
    """The step of `dyson.LinearSGD`, whose parameters these are: rates, fixed point, bounds."""

    teacher: np.ndarray = field(kw_only=False)
    output: np.ndarray | None = None
    covariance: np.ndarray | None = None
    noise: str | np.ndarray = "none"
    eps: float = 0.0
    data: str = "batch"
    learning_rate: float
    batch_size: int
    momentum: float = 0.0
    weight_decay: float = 0.0
    symmetric: bool = False
    spectrum: str = "gram"
    continuous: bool = False
    allow_unlearnt: bool = False

    model: ClassVar[str] = "linear_network"

    def __post_init__(self) -> None:
        teacher = matrix("teacher", self.teacher)
        m, n = teacher.shape
        named = isinstance(self.noise, str)
        checked: dict[str, Any] = {
            "teacher": teacher,
            "output": None if self.output is None else output_layer(self.output, m),
            "covariance": None if self.covariance is None else input_covariance(self.covariance, n),
            "noise": choice("noise", self.noise, NOISES) if named else check_noise(self.noise, (m, n)),
            "eps": positive("eps", self.eps, zero=not named or self.noise == "none", below=LARGEST),
            "data": choice("data", self.data, DATA),
            "learning_rate": positive("learning_rate", self.learning_rate),
            "batch_size": count("batch_size", self.batch_size),
            "momentum": positive("momentum", self.momentum, zero=True, below=1.0),
            "weight_decay": positive("weight_decay", self.weight_decay, zero=True),
            "symmetric": flag("symmetric", self.symmetric),
            "spectrum": choice("spectrum", self.spectrum, SPECTRA),
            "continuous": flag("continuous", self.continuous),
            "allow_unlearnt": flag("allow_unlearnt", self.allow_unlearnt),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        self._check_together()
        self._check_stable()

    def _check_together(self) -> None:
        m, n = self.teacher.shape
        if self.eps and not self._named:
            raise ValueError(f"eps is {self.eps:g}, but noise is a covariance: scale that, and leave out eps")
        if self.eps and self.noise == "none":
            raise ValueError(
                f"eps is {self.eps:g}, but noise is 'none'; choose one of {', '.join(NOISES[1:])}"
            )
        if m != n and (self.symmetric or (self._named and self.noise == "symmetric")):
            raise ValueError(f"symmetric noise or weights need one square W, got shape {(m, n)}")
        if self.symmetric and self.output is not None:
            raise ValueError("symmetric weights are trained without output: fold Z into the teacher")
        if self.symmetric and not np.allclose(self.teacher, self.teacher.T):
            raise ValueError("teacher must be symmetric for symmetric weights")
        if self.symmetric and self.data != "exact":
            raise ValueError(
                f"symmetric weights have a closed form for data 'exact' only, got data {self.data!r}"
            )
        if self.spectrum == "symmetric" and m != n:
            raise ValueError(f"spectrum 'symmetric' needs a square W, got shape {(m, n)}")
        null = self._basis.left[:, self._basis.z2 == 0].T
        if len(null) and not self.allow_unlearnt:
            raise ValueError(unlearnt(null))

    def _check_stable(self) -> None:
        bound = np.inf if self.continuous else self.largest_learning_rate
        if self.learning_rate >= bound:
            raise ValueError(
                f"learning_rate {self.learning_rate:g} is not stable for this model; it must be below "
                f"{bound:.6g}, 2 (1 + momentum) over the largest rate"
            )
        if self.data == "batch" and not self._calm(self.learning_rate):
            low, high = 0.0, self.learning_rate
            while high - low > 1e-9 * high and high > 1e-300:
                middle = (low + high) / 2
                low, high = (middle, high) if self._calm(middle) else (low, middle)
            raise ValueError(
                f"learning_rate {self.learning_rate:g} is not stable with mini-batches of {self.batch_size}: "
                f"variances grow, as noise feeds itself; it must be below {low:.6g}, or batch_size larger"
            )

    def _calm(self, learning_rate: float) -> bool:
        """Whether second moments shrink where W learns."""
        exponent = growth(self._basis, self._flow(learning_rate))
        if self.continuous:
            return exponent < _INVISIBLE * float(self.rates.max())
        return exponent < 1.0 + _INVISIBLE

    @property
    def _named(self) -> bool:
        return isinstance(self.noise, str)

    @cached_property
    def _basis(self) -> Basis:
        return eigenbasis(self.teacher.shape, self.output, self.covariance)

    def _flow(self, learning_rate: float) -> Flow:
        pull = self.rates.ravel()
        if self.continuous:
            temperature = learning_rate / self.batch_size / (1.0 - self.momentum)
            return Flow(-pull[:, None, None], temperature, True)
        step = learning_rate * pull
        if self.momentum:
            drift = np.empty((len(step), 2, 2))
            drift[:, 0, 0], drift[:, 1, 0] = 1.0 - step, -step
            drift[:, :, 1] = self.momentum
        else:
            drift = (1.0 - step)[:, None, None]
        return Flow(drift, learning_rate**2 / self.batch_size, False)

    @property
    def matrix(self) -> str:
        """Whose eigenvalues are sampled."""
        return "WᵀW" if self.spectrum == "gram" else "W"

    @property
    def noise_level(self) -> float:
        """T = α/|B| (units: 1)."""
        return self.learning_rate / self.batch_size

    @property
    def time_step(self) -> float:
        """Time of one step, α/(1 − m) (units: 1)."""
        return self.learning_rate / (1.0 - self.momentum)

    @property
    def basis(self) -> tuple[np.ndarray, np.ndarray]:
        """Right singular vectors R of Z, eigenvectors of ZᵀZ, shape (M, M); eigenvectors Q of C, (N, N).

        As columns, by descending eigenvalue. W enters the network as Z W, so R belongs to the rows of W.
        """
        return self._basis.left, self._basis.right

    @cached_property
    def rates(self) -> np.ndarray:
        """k_ab = z_a² c_b + λ per unit time, shape (M, N), in `basis`; symmetric: (c_a + c_b)/2 + λ."""
        if self.symmetric:
            c = self._basis.c
            return (c[:, None] + c) / 2 + self.weight_decay
        return np.outer(self._basis.z2, self._basis.c) + self.weight_decay

    @property
    def largest_learning_rate(self) -> float:
        """2 (1 + m) over the largest rate: beyond it the mean diverges; may be inf."""
        fastest = float(self.rates.max())
        return 2.0 * (1.0 + self.momentum) / fastest if fastest > 0 else np.inf

    @property
    def fixed_point(self) -> np.ndarray:
        """W*, shape (M, N): where the mean gradient vanishes, weight decay included; 0 where Z is blind."""
        basis = self._basis
        inside = basis.inside(self.teacher) * (basis.z2 > 0)[:, None]
        if self.weight_decay:
            inside *= 1.0 - self.weight_decay / self.rates
        return basis.outside(inside)

    @property
    def target(self) -> np.ndarray:
        """Descending spectrum of the fixed point, shape (N,)."""
        return self._spectra(self.fixed_point)

    def _spectra(self, w: np.ndarray) -> np.ndarray:
        return gram_spectra(w) if self.spectrum == "gram" else symmetric_spectra(w)

    def parameters(self) -> dict[str, Any]:
        """Everything that defines the model, under the experiment's names; samples 0: fresh batches."""
        arrays = {name: getattr(self, name) for name in ("teacher", "output", "covariance")}
        out: dict[str, Any] = {name: None if a is None else a.tolist() for name, a in arrays.items()}
        out |= {"hidden": [], "samples": 0, "noise": None, "eps": None}  # None: measured, of any kind
        out |= {name: getattr(self, name) for name in ("data", "symmetric", "spectrum")}
        if self._named:
            out |= {"noise": self.noise, "eps": self.eps}
        out |= {"momentum": self.momentum, "weight_decay": self.weight_decay}
        return out | ({"continuous": True} if self.continuous else {})
