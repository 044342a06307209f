"""The matrix SDE that a loss and a noise model define, and the way from it to its eigenvalues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from dyson.derive.declaration import checked_noise, require_arguments, require_names, require_samples
from dyson.derive.specification import SPECTRA, Gaussian, Noise
from dyson.language.grammar import Expression, parse
from streams.arguments import choice, count, flag, shown

if TYPE_CHECKING:
    from dyson.derive.equation import EigenvalueEquation

Text = str | Callable


@dataclass(frozen=True, eq=False)
class MatrixSDE:
    r"""SGD of a weight matrix as a stochastic differential equation (Itô), in time t = α n:

        dW = -⟨∂ℓ/∂W⟩ dt + √T dM,    Cov(dM_ab, dM_cd) = Cov(∂ℓ/∂W_ab, ∂ℓ/∂W_cd) dt,   T = α/|B|

    Made by `matrix_sde`, which documents the fields. Source: Li, Tai, E, JMLR 20 (2019) 1.
    """

    loss: Text | None = None
    gradient: Text | None = None
    samples: Mapping[str, Gaussian] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    definitions: Mapping[str, str] = field(default_factory=dict)
    noise: tuple[Noise, ...] = ()
    spectrum: str = "gram"
    beta: int = 1
    weights: tuple[str, ...] = ("W",)
    observable: str | None = None
    trained: tuple[str, ...] = ()
    memory_drift: bool = False
    momentum: bool = False
    finite_learning_rate: bool = False
    integers: Mapping[str, int] = field(default_factory=dict)
    name: str = "user"

    @property
    def what(self) -> str:
        """The loss or gradient as an error shows it."""
        text = self.loss if self.loss is not None else self.gradient
        return shown(text) if isinstance(text, str) else "the given function"

    @property
    def matrix_name(self) -> str:
        """Whose eigenvalues they are: WᵀW, W, the singular values of W, or of a product of layers."""
        inner = self.observable or self.weights[0]
        if self.spectrum == "gram":
            adjoint = "ᵀ" if self.beta == 1 else "ᴴ"
            return f"{inner}{adjoint}{inner}" if self.observable is None else f"P{adjoint}P, P = {inner}"
        return inner if self.spectrum == "symmetric" else f"singular values of {inner}"

    @property
    def names(self) -> list[str]:
        """All names that a loss may use: weights, parameters, definitions and samples."""
        return [*self.weights, *self.parameters, *self.definitions, *self.samples]

    def expression(self, text: str, what: str, sampled: bool = False) -> Expression:
        """A text, parsed with the names that this SDE declares, those of the samples only if ``sampled``."""
        return parse(text, [n for n in self.names if sampled or n not in self.samples], what)

    def definition(self, name: str) -> Expression:
        """A definition, parsed; it sees those before it."""
        earlier = list(self.definitions)[: list(self.definitions).index(name)]
        return parse(self.definitions[name], [*self.weights, *self.parameters, *earlier], name)

    def require_expressions(self) -> None:
        """TypeError or ValueError for the first text outside the language or with undeclared names."""
        for name in self.definitions:
            self.definition(name)
        for what, given in (("loss", self.loss), ("gradient", self.gradient)):
            if callable(given):
                require_arguments(given, self.names)
            elif given is not None:
                self.expression(given, what, sampled=True)
        for name, sample in self.samples.items():
            self.expression(sample.covariance, f"{name}'s covariance")
            for memory in (sample.chain, sample.start and sample.start[1]):
                if memory is not None:
                    self.expression(memory, f"{name}'s memory")
        for noise in self.noise:
            for text in (noise.row, noise.column):
                self.expression(text, "noise")
        if self.observable is not None:
            self.expression(self.observable, "observable")

    def with_integers(self, **values: int) -> MatrixSDE:
        """The same with numbers for parameters of the kind "integer"."""
        for name, value in values.items():
            if self.parameters.get(name) != "integer":
                raise ValueError(f"{name} is not a parameter of the kind 'integer'")
            count(name, value)
        return replace(self, integers=MappingProxyType({**self.integers, **values}))

    def optimiser(self, momentum: bool = False, finite_learning_rate: bool = False) -> MatrixSDE:
        r"""The same under another optimiser than plain SGD at infinitesimal learning rate.

        Parameters
        ----------
        momentum : bool
            Heavy ball: in time t = α n/(1 - m) the noise level is T/(1 - m); adds the parameter ``m``.
        finite_learning_rate : bool
            The O(α) modified equation, drift A + (η/2) J A and noise D + (ζ/2) (J D + D Jᵀ) - τ (A·∇) D,
            J = -∇A, with η = ζ = 2τ = α, and with momentum as in docs/derive.md, "Other optimisers"; adds the
            parameter ``learning_rate``. Exact to O(α) for means and variances of a linear model, to leading
            order in T where the noise depends on W.

        Source of the drift: Li, Tai, E, JMLR 20 (2019) 1; of the rest: docs/derive.md.
        """
        flag("momentum", momentum)
        flag("finite_learning_rate", finite_learning_rate)
        if self.memory_drift and (momentum or self.momentum):
            raise ValueError("memory_drift is derived for plain SGD: momentum delays the moves it answers to")
        added = {}
        if momentum and not self.momentum:
            added["m"] = "fraction"
        if finite_learning_rate and not self.finite_learning_rate:
            added["learning_rate"] = "scalar"
        for name in added:
            if name in self.names:
                raise ValueError(f"the name {name} is taken by the loss, samples or definitions; rename it")
        return replace(
            self,
            parameters=MappingProxyType({**self.parameters, **added}),
            momentum=momentum or self.momentum,
            finite_learning_rate=finite_learning_rate or self.finite_learning_rate,
        )

    def eigenvalue_sde(self, **integers: int) -> EigenvalueEquation:
        """The SDE of the eigenvalues, derived from explicit 2 × 2 matrices and checked on 3 × 3 ones.

        Parameters
        ----------
        **integers
            Numbers for parameters of the kind "integer"; without, they stay symbols.

        Raises
        ------
        ValueError
            If the loss is not of the assumed form or symmetry; the offending term is named.
        """
        from dyson.derive.derivation import reduce_to_eigenvalues  # SymPy takes a second: only when needed

        sde = self.with_integers(**integers)
        free = [n for n, kind in sde.parameters.items() if kind == "integer" and n not in sde.integers]
        if sde.memory_drift and free:
            raise ValueError(
                f"memory_drift needs a number for {free[0]}: eigenvalue_sde({free[0]}=1) or --integer"
            )
        return reduce_to_eigenvalues(sde)

    def description(self) -> dict | None:
        """Everything that defines it, for JSON; None if the loss is a Python function."""
        if callable(self.loss) or callable(self.gradient):
            return None
        out = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}
        out["samples"] = {name: asdict(sample) for name, sample in self.samples.items()}
        out["noise"] = [asdict(noise) for noise in self.noise]
        for name in ("parameters", "definitions", "integers"):
            out[name] = dict(getattr(self, name))
        return out

    def __repr__(self) -> str:
        return f"MatrixSDE({self.name}, {self.spectrum}, beta={self.beta}, {self.what})"


def matrix_sde(
    loss: Text | None = None,
    samples: Mapping[str, Gaussian] | None = None,
    parameters: Mapping[str, str] | None = None,
    noise: Noise | tuple[Noise, ...] = (),
    gradient: Text | None = None,
    definitions: Mapping[str, str] | None = None,
    spectrum: str = "gram",
    beta: int = 1,
    weights: tuple[str, ...] = ("W",),
    observable: str | None = None,
    trained: tuple[str, ...] = (),
    memory_drift: bool = False,
    name: str = "user",
) -> MatrixSDE:
    r"""A matrix SDE from a per-sample loss (or gradient) and a noise model.

    Parameters
    ----------
    loss : str or callable
        Per-sample loss: an expression (the language: docs/derive.md) in W, the samples, the parameters and
        the definitions, such as ``"(y - W*x).T*(y - W*x)/2"``; or a function of the same
        names that returns a SymPy scalar. Polynomial in the samples.
    samples : mapping of str to Gaussian
        The random vectors, see `Gaussian`.
    parameters : mapping of str to str
        Kind of each parameter: "scalar" (> 0), "real", "fraction" (0 <= m < 1), "integer", or a diagonal
        matrix of positive entries: "column" (N × N), "row" (M × M), "mode" (M × N).
    noise : Noise or tuple of Noise
        Gradient noise given by its covariance, added to that of the samples.
    gradient : str or callable
        In place of a loss: ∂ℓ/∂W, a matrix of the shape of W, needed at diagonal W only.
    definitions : mapping of str to str
        Names for expressions of W and the parameters, usable in everything above.
    spectrum : {"gram", "symmetric", "singular"}
        Whose eigenvalues: of WᵀW, of a symmetric (Hermitian) W itself, or the singular values of W.
    beta : {1, 2}
        Real or complex matrices.
    trained : tuple of str
        Scalar parameters that are trained by the same samples.
    memory_drift : bool
        Persistent chains: include the drift that their lag behind the weights induces.
    weights, observable
        Several trained matrices of equal diagonal, and the expression whose spectrum is asked for.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown or malformed, a text is outside the language, or not exactly one of loss and
        gradient is given.
    """
    if (loss is None) == (gradient is None):
        raise ValueError(
            "give exactly one of loss and gradient: a scalar per-sample loss, or the matrix ∂ℓ/∂W"
        )
    choice("spectrum", spectrum, SPECTRA)
    if isinstance(beta, bool) or beta not in (1, 2):
        raise ValueError(f"beta must be 1 (real W) or 2 (complex W), got {shown(beta)}")
    for what, given in (("parameters", parameters), ("samples", samples), ("definitions", definitions)):
        if given is not None and not isinstance(given, Mapping):
            raise TypeError(f"{what} must be a mapping by name, got {shown(given)}")
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, got {shown(name)}")
    parameters, samples, definitions = dict(parameters or {}), dict(samples or {}), dict(definitions or {})
    weights = tuple(weights) if isinstance(weights, tuple | list) else (weights,)
    trained = tuple(trained) if isinstance(trained, tuple | list) else (trained,)
    if not weights or (len(weights) > 1) != (observable is not None):
        raise ValueError(
            "weights must hold one name, or several together with observable, their product; "
            f"got weights = {shown(weights)}, observable = {shown(observable)}"
        )
    require_samples(samples)
    require_names(weights, parameters, samples, definitions)
    if trained and loss is None:
        raise ValueError("trained parameters need a loss: a gradient of W alone does not say how they move")
    for scalar in trained:
        if not isinstance(scalar, str) or parameters.get(scalar) not in ("scalar", "real"):
            raise ValueError(f"trained parameters must be scalar parameters of the loss, got {shown(scalar)}")
    if flag("memory_drift", memory_drift) and all(sample.chain is None for sample in samples.values()):
        raise ValueError("memory_drift needs a sample that is a persistent chain: Gaussian(..., chain=...)")
    sde = MatrixSDE(
        loss=loss,
        gradient=gradient,
        samples=MappingProxyType(samples),
        parameters=MappingProxyType(parameters),
        definitions=MappingProxyType(definitions),
        noise=checked_noise(noise),
        spectrum=spectrum,
        beta=int(beta),
        weights=weights,
        observable=observable,
        trained=trained,
        memory_drift=memory_drift,
        name=name,
    )
    sde.require_expressions()
    return sde
