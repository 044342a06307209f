"""The matrix SDE that a loss and a noise model define, and the way from it to its eigenvalues."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from dyson.derive.specification import KINDS, SPECTRA, Gaussian, Noise
from streams.arguments import choice, count, one_line, shown, unknown

if TYPE_CHECKING:
    import sympy

    from dyson.derive.equation import EigenvalueEquation
    from dyson.derive.language import Expression

NOISE_LEVEL = "T"
RESERVED = frozenset({"x", "xi", "C", "rho", "n", "rows", "sde", "target", "noise_level", "parameters"})
MODE_SUFFIX = re.compile(r"_([ijk]|[0-9]+i?)$|^(C|rho)_")
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

    def expression(self, text: str, what: str) -> Expression:
        """Parse with the names that this SDE declares; definitions see those before them."""
        from dyson.derive.language import parse

        names = [*self.weights, *self.parameters, *self.definitions]
        return parse(text, names, what)

    def evaluated(self, text: Text, values: Mapping, what: str) -> sympy.Expr:
        """A loss or gradient at explicit matrices."""
        from dyson.derive.language import parse
        from dyson.derive.values import explicit, limit

        if callable(text):
            taken = _arguments(text, values)
            try:
                value = text(**taken)
            except Exception as error:
                raise ValueError(
                    f"{what}, a Python function, failed at explicit matrices {', '.join(taken)}: "
                    f"{type(error).__name__}: {one_line(error)[:160]}"
                ) from error
            value = explicit(f"what the function {what} returns", value)
            limit(value, {})
            known = {s for v in taken.values() for s in getattr(v, "free_symbols", ())}
            strange = sorted(str(s) for s in value.free_symbols - known)
            if strange:
                raise ValueError(
                    f"{what}, a Python function, brings in {shown(strange[0])}: declare it as a parameter"
                )
            return value
        return parse(text, values, what).evaluate(values)

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
            The O(α) modified equation, drift A + (η/2) J A and noise D + (ζ/2) (J D + D Jᵀ), J = -∇A, with
            η = ζ = α, or with momentum η = α (1 + m)/(1 - m)², ζ = (η + α/(1 + m))/2; adds the parameter
            ``learning_rate``. Exact to O(α) for means and variances of a linear model.

        Source: Li, Tai, E, JMLR 20 (2019) 1; docs/theory.md, "Other optimisers".
        """
        added = {}
        if momentum and not self.momentum:
            added["m"] = "fraction"
        if finite_learning_rate and not self.finite_learning_rate:
            added["learning_rate"] = "scalar"
        for name in added:
            if name in self.parameters:
                raise ValueError(f"the name {name} is taken by a parameter of the loss; rename it")
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
        from dyson.derive.reduction import reduce_to_eigenvalues  # SymPy takes a second: only when needed

        return reduce_to_eigenvalues(self.with_integers(**integers))

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
        Per-sample loss: an expression of the language of ``dyson.derive.parse`` in W, the samples, the
        parameters and the definitions, such as ``"(y - W*x).T*(y - W*x)/2"``; or a function of the same
        names that returns a SymPy scalar. Polynomial in the samples.
    samples : mapping of str to Gaussian
        The random vectors, see `Gaussian`.
    parameters : mapping of str to str
        Kind of each parameter: "scalar" (> 0), "real", "integer", or a diagonal matrix of positive entries:
        "column" (N × N), "row" (M × M), "mode" (M × N).
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
        If a name is unknown or malformed, or not exactly one of loss and gradient is given.
    """
    if (loss is None) == (gradient is None):
        raise ValueError(
            "give exactly one of loss and gradient: a scalar per-sample loss, or the matrix ∂ℓ/∂W"
        )
    choice("spectrum", spectrum, SPECTRA)
    if isinstance(beta, bool) or beta not in (1, 2):
        raise ValueError(f"beta must be 1 (real W) or 2 (complex W), got {shown(beta)}")
    parameters, samples = dict(parameters or {}), dict(samples or {})
    for parameter, kind in parameters.items():
        choice(f"kind of {parameter}", kind, KINDS)
    for label, sample in samples.items():
        if not isinstance(sample, Gaussian):
            raise TypeError(f"samples must be derive.Gaussian, got {shown(sample)}")
        if sample.start is not None:
            origin = samples.get(sample.start[0])
            if not isinstance(origin, Gaussian) or origin.space != sample.space or origin is sample:
                raise ValueError(
                    f"{label} starts at {shown(sample.start[0])}, which must be another sample of the space {sample.space}"
                )
    noise = (noise,) if isinstance(noise, Noise) else tuple(noise)
    for given in noise:
        if not isinstance(given, Noise):
            raise TypeError(f"noise must be derive.Noise, or a tuple of them, got {shown(given)}")
    weights = (weights,) if isinstance(weights, str) else tuple(weights)
    if not weights or (len(weights) > 1) != (observable is not None):
        raise ValueError(
            "weights must hold one name, or several together with observable, the product whose spectrum is asked "
            f"for; got weights = {shown(weights)}, observable = {shown(observable)}"
        )
    if memory_drift and all(sample.chain is None for sample in samples.values()):
        raise ValueError("memory_drift needs a sample that is a persistent chain: Gaussian(..., chain=...)")
    for scalar in trained:
        if parameters.get(scalar) not in ("scalar", "real"):
            raise ValueError(f"trained parameters must be scalar parameters of the loss, got {shown(scalar)}")
    _distinct([*weights, *parameters, *(definitions or {})])
    _distinct([label for label in samples if label not in RESERVED])
    for label in samples:
        if label in {*weights, *parameters, *(definitions or {})}:
            raise ValueError(f"the name {shown(label)} is declared twice; every name has one meaning")
    return MatrixSDE(
        loss=loss,
        gradient=gradient,
        samples=MappingProxyType(samples),
        parameters=MappingProxyType(parameters),
        definitions=MappingProxyType(dict(definitions or {})),
        noise=noise,
        spectrum=spectrum,
        beta=int(beta),
        weights=weights,
        observable=observable,
        trained=tuple(trained),
        memory_drift=bool(memory_drift),
        name=name,
    )


def _arguments(function: Callable, values: Mapping) -> dict:
    """Those values that a loss given as a function asks for by name."""
    try:
        asked = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return dict(values)
    if any(p.kind is p.VAR_KEYWORD for p in asked.values()):
        return dict(values)
    for name in asked:
        if name not in values:
            raise ValueError(unknown("argument of the loss", name, list(values)))
    return {name: values[name] for name in asked}


def _distinct(names: list[str]) -> None:
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"names must be strings, got {shown(name)}")
        if name == NOISE_LEVEL:
            raise ValueError("the name T is taken: it is the noise level α/|B|; transpose is .T")
        if name in RESERVED or MODE_SUFFIX.search(name):
            raise ValueError(
                f"the name {shown(name)} is kept for the derivation (eigenvalues, modes such as x_i and x_1, "
                "arguments of bind); choose another"
            )
        if names.count(name) > 1:
            raise ValueError(f"the name {shown(name)} is declared twice; every name has one meaning")
