"""Linear networks that learn a linear teacher: what is trained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sgd.linear import reference
from sgd.optimiser import Optimiser
from sgd.protocol import Layers
from sgd.spectra import gram_spectra, symmetric_spectra
from streams.arguments import choice, count, flag, positive, shown
from streams.matrices import LARGEST, ROUNDING, input_covariance, matrix, output_layer, unlearnt

NOISES = ("none", "label", "isotropic", "symmetric")
DATA = ("batch", "exact")
ORDERS = ("shuffled", "fixed")
SPECTRA = ("gram", "symmetric")


@dataclass(frozen=True, slots=True, eq=False)
class LinearNetwork:
    r"""ŷ = Z W_L … W_1 x, trained on y = Z A x + ε η, x ~ N(0, C), by the loss ½|y − ŷ|².

    With P = W_L … W_1 and S_B = ⟨x xᵀ⟩ over the mini-batch, the gradient of layer l is

        −(Z W_L … W_{l+1})ᵀ [ Z (A − P) S_B + ε ⟨η xᵀ⟩_B ] (W_{l−1} … W_1)ᵀ  −  noise.

    Z is fixed; to train the last layer too, leave it out and give one layer more. Source: Park, Favoni,
    Lucini, Aarts, arXiv:2412.20496; Aarts, Lucini, Park, arXiv:2407.16427.

    Parameters
    ----------
    teacher : array_like, shape (M, N)
        A, which the product P learns.
    hidden : sequence of int
        Widths between the trained layers, from the input on; none for a single W.
    output : array_like, shape (K, M), optional
        Z; by default the identity. Its right singular vectors v_a set the rates, as ZᵀZ acts on the rows of
        W: their combination v_aᵀW learns at rate z_a².
    covariance : array_like, shape (N, N), optional
        C of the inputs, symmetric, positive semi-definite; by default the identity (whitened inputs).
    noise : {"none", "label", "isotropic", "symmetric"}
        Beside what mini-batches make: ε η on the labels; independent N(0, ε²) on every entry of a sample's
        gradient, in every layer; symmetric (GOE) noise, standard deviation ε off and √2 ε on the diagonal,
        for one square W.
    eps : float
        ε > 0; for noise "none" 0.
    data : {"batch", "exact"}
        S_B of |B| samples (mini-batch noise), or its mean C. With "exact", label noise has the covariance
        ε² 1 ⊗ C a sample.
    symmetric : bool
        Project the gradient of one square W on symmetric matrices, g → (g + gᵀ)/2, without Z: W stays
        symmetric if it starts so.
    spectrum : {"gram", "symmetric"}
        What is recorded: eigenvalues of PᵀP, or of (P + Pᵀ)/2.
    samples : int, optional
        Train on a data set of so many samples, in epochs; by default every batch is fresh. The samples' noise
        belongs to them: it is drawn once and comes again every epoch.
    shared_data : bool
        All replicas have the same data set (inputs and label noise; gradient noise is each replica's own).
    order : {"shuffled", "fixed"}
        Whether a replica shuffles the data set anew every epoch.
    allow_unlearnt : bool
        Accept Z with null directions, in which P does not learn.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described; one line that names it.
    """

    teacher: np.ndarray
    hidden: tuple[int, ...] = ()
    output: np.ndarray | None = None
    covariance: np.ndarray | None = None
    noise: str = "none"
    eps: float = 0.0
    data: str = "batch"
    symmetric: bool = False
    spectrum: str = "gram"
    samples: int | None = None
    shared_data: bool = False
    order: str = "shuffled"
    allow_unlearnt: bool = False

    name: ClassVar[str] = "linear_network"
    diverged: ClassVar[str] = "the error of the network grew beyond all bounds"

    def __post_init__(self) -> None:
        teacher = matrix("teacher", self.teacher)
        m, n = teacher.shape
        checked: dict[str, Any] = {
            "teacher": teacher,
            "hidden": _widths(self.hidden),
            "output": None if self.output is None else output_layer(self.output, m),
            "covariance": None if self.covariance is None else input_covariance(self.covariance, n),
            "noise": choice("noise", self.noise, NOISES),
            "eps": positive("eps", self.eps, zero=self.noise == "none", below=LARGEST),
            "data": choice("data", self.data, DATA),
            "symmetric": flag("symmetric", self.symmetric),
            "spectrum": choice("spectrum", self.spectrum, SPECTRA),
            "samples": None if self.samples is None else count("samples", self.samples),
            "shared_data": flag("shared_data", self.shared_data),
            "order": choice("order", self.order, ORDERS),
            "allow_unlearnt": flag("allow_unlearnt", self.allow_unlearnt),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        self._check_together()

    def _check_together(self) -> None:
        m, n = self.teacher.shape
        square = m == n and not self.hidden
        if self.noise == "none" and self.eps:
            raise ValueError(
                f"eps is {self.eps:g}, but noise is 'none'; choose one of {', '.join(NOISES[1:])}"
            )
        if (self.noise == "symmetric" or self.symmetric) and not square:
            raise ValueError(f"symmetric noise or weights need one square W, got layers {self.shapes}")
        if self.symmetric and self.output is not None:
            raise ValueError("symmetric weights are trained without output: fold Z into the teacher")
        if self.symmetric and not np.allclose(self.teacher, self.teacher.T):
            raise ValueError("teacher must be symmetric for symmetric weights")
        if self.spectrum == "symmetric" and m != n:
            raise ValueError(f"spectrum 'symmetric' needs a square product, got shape {(m, n)}")
        if self.samples is None and (self.shared_data or self.order == "fixed"):
            raise ValueError("shared_data and a fixed order need a data set: give samples")
        if self.samples is not None and self.data == "exact":
            raise ValueError("a data set has mini-batches: choose data 'batch', or leave out samples")
        if self.unlearnt and not self.allow_unlearnt:
            raise ValueError(unlearnt(np.array(self.unlearnt)))

    @property
    def matrix(self) -> str:
        """Whose eigenvalues are recorded."""
        return "WᵀW" if self.spectrum == "gram" else "W"

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes of the trained layers, from the input on."""
        m, n = self.teacher.shape
        widths = (n, *self.hidden, m)
        return tuple(zip(widths[1:], widths[:-1], strict=True))

    @property
    def modes(self) -> int:
        """Eigenvalues of the product's spectrum."""
        return self.teacher.shape[1]

    @property
    def unlearnt(self) -> list[np.ndarray]:
        """Null directions of Z, Z u = 0, unit vectors u of shape (M,): uᵀP is not learnt."""
        if self.output is None:
            return []
        _, z, vt = np.linalg.svd(self.output)
        rank = int((z > ROUNDING * z.max(initial=0.0)).sum())
        return list(vt[rank:])

    @property
    def factor(self) -> np.ndarray:
        """F with F Fᵀ = C, shape (N, rank of C): x = F z, z ~ N(0, 1)."""
        n = self.teacher.shape[1]
        if self.covariance is None:
            return np.eye(n)
        c, v = np.linalg.eigh(self.covariance)
        kept = c > ROUNDING * c[-1]
        return v[:, kept] * np.sqrt(c[kept])

    @property
    def target_spectrum(self) -> np.ndarray:
        """Spectrum of the fixed point's product, descending, shape (N,)."""
        product = np.array(_chain(self.fixed_point()))[None]
        return self.spectra(product)[0]

    def fixed_point(self, weight_decay: float = 0.0) -> Layers:
        """Balanced layers whose product is the teacher, or the best one of its rank; 0 where Z is blind.

        A single W gives way to weight decay λ: its entries in the eigenbases of ZᵀZ and C are the teacher's
        times k/(k + λ), k = z_a² c_b (symmetric: (c_a + c_b)/2). Several layers have no closed form with it:
        theirs is that of λ = 0.
        """
        a = self.teacher
        for u in self.unlearnt:
            a = a - np.outer(u, u @ a)
        if not self.hidden:
            return (self._decayed(a, weight_decay) if weight_decay else a,)
        u, s, vt = np.linalg.svd(a, full_matrices=False)
        rank = min(len(s), *self.hidden)
        root = s[:rank] ** (1.0 / len(self.shapes))
        layers = [np.zeros(shape) for shape in self.shapes]
        for w in layers:
            w[:rank, :rank] = np.diag(root)
        layers[0] = np.zeros(self.shapes[0])
        layers[0][:rank] = root[:, None] * vt[:rank]
        last = np.zeros(self.shapes[-1])
        last[:, :rank] = u[:, :rank] * root
        layers[-1] = last
        return tuple(layers)

    def _decayed(self, a: np.ndarray, weight_decay: float) -> np.ndarray:
        z2, of_rows = np.ones(len(a)), np.eye(len(a))
        if self.output is not None:
            z2, of_rows = np.linalg.eigh(self.output.T @ self.output)
        c, of_columns = np.linalg.eigh(self.factor @ self.factor.T)
        if self.symmetric:
            of_rows, rate = of_columns, (c[:, None] + c) / 2
        else:
            rate = np.maximum(np.outer(z2, c), 0.0)
        shrunk = of_rows.T @ a @ of_columns * rate / (rate + weight_decay)
        return np.asarray(of_rows @ shrunk @ of_columns.T)

    def largest_rate(self) -> float:
        """Largest eigenvalue of the Hessian at the fixed point: the fastest rate of the noiseless flow.

        Σ_l (Z P_{>l})(Z P_{>l})ᵀ ⊗ (P_{<l} F)ᵀ(P_{<l} F), with P_{>l}, P_{<l} the products behind and before
        layer l: at vanishing error the Hessian is that of Gauss and Newton.
        """
        layers, z, f = self.fixed_point(), self.output, self.factor
        if self.symmetric:  # (C_a + C_b)/2 at most the largest
            return float(np.linalg.norm(f, 2) ** 2)
        total: Any = 0.0
        for number in range(len(layers)):
            behind = _chain(layers[number + 1 :], layers[number].shape[0])
            behind = behind if z is None else z @ behind
            before = _chain(layers[:number], f.shape[0]) @ f
            if len(layers) == 1:
                return float((np.linalg.norm(behind, 2) * np.linalg.norm(before, 2)) ** 2)
            total = total + np.kron(behind @ behind.T, before.T @ before)
        return float(np.linalg.norm(total, 2))

    def largest_learning_rate(self, momentum: float = 0.0, weight_decay: float = 0.0) -> float:
        """2 (1 + m)/(λ_max + λ): beyond it the noiseless map is unstable at its fixed point; may be inf."""
        fastest = self.largest_rate() + weight_decay
        return 2.0 * (1.0 + momentum) / fastest if fastest > 0 else np.inf

    def check_optimiser(self, optimiser: Optimiser) -> None:
        """ValueError beyond `largest_learning_rate`, or where batches do not divide the data set."""
        learning_rate, size = optimiser.learning_rate, optimiser.batch_size
        bound = self.largest_learning_rate(optimiser.momentum, optimiser.weight_decay)
        if learning_rate >= bound:
            raise ValueError(
                f"learning_rate {learning_rate:g} is not stable for this model; it must be below "
                f"{bound:.6g}, 2 over the largest eigenvalue of the Hessian at the fixed point"
            )
        if self.samples is not None and self.samples % size:
            nearest = max(1, round(self.samples / size)) * size
            raise ValueError(
                f"samples must be a multiple of batch_size {size}, got {self.samples}; {nearest} would do"
            )

    def check_weights(self, layers: Layers) -> None:
        """ValueError where symmetric weights do not start symmetric."""
        if self.symmetric and not np.allclose(layers[0], layers[0].swapaxes(-1, -2)):
            raise ValueError("initial must be symmetric, as the weights are")

    def observed(self, layers: Layers) -> np.ndarray:
        """P."""
        return np.asarray(_chain(layers))

    def spectra(self, weights: np.ndarray) -> np.ndarray:
        """Eigenvalues of PᵀP, or of (P + Pᵀ)/2."""
        return gram_spectra(weights) if self.spectrum == "gram" else symmetric_spectra(weights)

    def gradients(
        self, weights: np.ndarray, samples: int, rng: np.random.Generator, updates: int = 1
    ) -> np.ndarray:
        """Literal per-sample gradients at W (row, col), (samples, row, col); ``updates`` has no effect."""
        return reference.gradients(self, weights, samples, rng)

    def parameters(self) -> dict[str, Any]:
        """Everything that defines the model, as plain numbers, strings and lists."""
        fields = ("noise", "eps", "data", "symmetric", "spectrum", "samples", "shared_data", "order")
        arrays = {name: getattr(self, name) for name in ("teacher", "output", "covariance")}
        lists = {name: None if a is None else a.tolist() for name, a in arrays.items()}
        return {**lists, "hidden": list(self.hidden), **{name: getattr(self, name) for name in fields}}


def _chain(layers: Layers, size: int = 0) -> np.ndarray:
    """W_L … W_1; the identity of ``size`` for no layers."""
    if not layers:
        return np.eye(size)
    product = layers[0]
    for w in layers[1:]:
        with np.errstate(over="ignore", invalid="ignore"):
            product = w @ product
    return product


def _widths(hidden: object) -> tuple[int, ...]:
    if isinstance(hidden, str | bytes) or not isinstance(hidden, Iterable) or np.ndim(hidden) != 1:  # type: ignore[arg-type]
        raise TypeError(f"hidden must be a sequence of widths, such as (10, 10), got {shown(hidden)}")
    return tuple(count("hidden", width) for width in hidden)
