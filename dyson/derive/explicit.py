r"""A matrix SDE at explicit matrices of a given size, evaluated at diagonal weights W = diag(ξ).

There the pair pattern of drift and noise can be read off entry by entry. The gradient's entry ab at
diagonal weights is d/dt ℓ(W + t E_ab) at t = 0, so only one matrix entry is ever symbolic.
"""

from __future__ import annotations

from functools import cached_property
from itertools import product
from typing import NamedTuple

import sympy

from dyson.derive.evaluation import per_sample, value_of
from dyson.derive.given import GivenNoise
from dyson.derive.wick import Moments, Polynomial, over_lags, polynomial
from dyson.language.evaluation import evaluate

ZERO = sympy.Integer(0)


class Direction(NamedTuple):
    """A real degree of freedom: entry (row, column) of a layer's real (0) or imaginary (1) part."""

    layer: int
    row: int
    column: int
    part: int


class Explicit:
    """``sde`` for M × N matrices.

    Attributes
    ----------
    xi : list of Symbol
        Diagonal of every weight matrix.
    opaque : dict of Symbol to Expr
        Variances and memories of samples that depend on the weights, one symbol a component.
    """

    def __init__(self, sde, m: int, n: int):
        self.sde, self.m, self.n = sde, m, n
        self.rank = min(m, n)
        positive = sde.spectrum != "symmetric"
        self.xi = [
            sympy.Symbol(f"xi_{i + 1}", **({"positive": True} if positive else {"real": True}))
            for i in range(self.rank)
        ]
        self.opaque: dict[sympy.Symbol, sympy.Expr] = {}
        self.parameters = self._parameter_matrices()
        self.diagonal = [sympy.Matrix(m, n, lambda a, b: self.xi[a] if a == b else 0) for _ in sde.weights]
        self._collect_samples()
        self.given = GivenNoise(sde, self.values(self.diagonal), m, n)
        self._gradients: dict[Direction | str, Polynomial] = {}

    def _parameter_matrices(self) -> dict:
        out: dict = {}
        shapes = {"column": (self.n, self.n), "row": (self.m, self.m), "mode": (self.m, self.n)}
        for name, kind in self.sde.parameters.items():
            if kind in shapes:
                size = min(shapes[kind])
                entries = [sympy.Symbol(f"{name}_{a + 1}", positive=True) for a in range(size)]
                out[name] = sympy.Matrix(*shapes[kind], lambda a, b, e=entries: e[a] if a == b else 0)
            else:
                known = self.sde.integers.get(name)
                out[name] = parameter_symbol(name, kind) if known is None else sympy.Integer(known)
        return out

    def values(self, weights) -> dict:
        """Names of the expressions, as explicit matrices, for given weights."""
        out = {**self.parameters, **dict(zip(self.sde.weights, weights, strict=True))}
        for name in self.sde.definitions:
            out[name] = evaluate(self.sde.definition(name), out)
        return out

    def matrix(self, text: str, weights) -> sympy.Matrix:
        """An expression without samples as an M × N matrix."""
        value = value_of(self.sde, text, "observable", self.values(weights))
        return value if getattr(value, "is_Matrix", False) else value * sympy.eye(self.m, self.n)

    def size_of(self, name: str) -> int:
        """Components of a sample."""
        return {"column": self.n, "row": self.m, "matrix": self.m * self.n}[self.sde.samples[name].space]

    def _collect_samples(self) -> None:
        """Variables of all samples, their covariance and memory at diagonal weights."""
        at = self.values(self.diagonal)
        self.vectors: dict = {}
        self.variables: list[sympy.Symbol] = []
        owner: list[tuple[str, int]] = []
        self.start_of: dict[str, int] = {}
        complex_ = self.sde.beta == 2
        for name, sample in self.sde.samples.items():
            shape = {"column": (self.n, 1), "row": (self.m, 1), "matrix": (self.m, self.n)}[sample.space]
            count = shape[0] * shape[1]
            self.start_of[name] = len(self.variables)
            real = [sympy.Symbol(f"_{name}_{a}", real=True) for a in range(count)]
            self.variables += real
            owner += [(name, a) for a in range(count)]
            entries: list[sympy.Expr] = list(real)
            if complex_:
                imaginary = [sympy.Symbol(f"_{name}_{a}i", real=True) for a in range(count)]
                self.variables += imaginary
                owner += [(name, a) for a in range(count)]
                entries = [(u + sympy.I * v) / sympy.sqrt(2) for u, v in zip(real, imaginary, strict=True)]
            self.vectors[name] = sympy.Matrix(*shape, entries)
        size = len(self.variables)
        self.covariance: list[list[sympy.Expr]] = [[ZERO] * size for _ in range(size)]
        self.decay: list[sympy.Expr] = [ZERO] * size
        for a, (name, component) in enumerate(owner):
            sample = self.sde.samples[name]
            self.covariance[a][a] = self._entry(sample.covariance, at, name, sample.space, component, "C")
            if sample.chain is not None:
                self.decay[a] = self._entry(sample.chain, at, name, sample.space, component, "rho")
        for a, (name, component) in enumerate(owner):
            origin = self.sde.samples[name].start
            if origin is not None:
                b = self.start_of[origin[0]] + a - self.start_of[name]
                p = self._entry(origin[1], at, name, self.sde.samples[name].space, component, "rho")
                left = self.covariance[a][a] - p**2 * self.covariance[b][b]
                if left.is_negative:
                    raise ValueError(
                        f"{name} cannot keep {origin[1]!r} of {origin[0]}: its covariance is smaller"
                    )
                self.covariance[a][b] = self.covariance[b][a] = p * self.covariance[b][b]
        self.exact = [a for a, (name, _) in enumerate(owner) if self.sde.samples[name].average == "exact"]
        self.moments = Moments(self.covariance)

    def _entry(self, text: str, at: dict, name: str, space: str, component: int, letter: str) -> sympy.Expr:
        """Diagonal entry of a sample's covariance or memory; opaque where it depends on the weights."""
        what = f"{name}'s {'covariance' if letter == 'C' else 'memory'}"
        value = value_of(self.sde, text, what, at)
        if getattr(value, "is_Matrix", False):
            size = self.size_of(name)
            if space == "matrix" or value.shape != (size, size):
                raise ValueError(
                    f"the covariance {text!r} of sample {name}, a {space}, must be a scalar"
                    + ("" if space == "matrix" else f" or {size} × {size} here")
                    + f", got {value.rows} × {value.cols}"
                )
            if not value.is_diagonal():
                raise ValueError(
                    f"the covariance {text!r} of sample {name} must be diagonal where W is diagonal"
                )
            value = value[component, component]
        if not value.free_symbols & set(self.xi):
            if (1 - value**2 if letter == "rho" else value).is_negative or (letter == "rho" and value == 1):
                wanted = "between -1 and 1" if letter == "rho" else "a variance, >= 0"
                raise ValueError(f"{text!r} of sample {name} must be {wanted}, got {value}")
            return value
        symbol = sympy.Symbol(f"{letter}_{name}_{component + 1}", positive=True)
        self.opaque[symbol] = value
        return symbol

    def directions(self) -> list[Direction]:
        """All degrees of freedom."""
        parts = 2 if self.sde.beta == 2 else 1
        sizes = (len(self.sde.weights), self.m, self.n, parts)
        return [Direction(*d) for d in product(*map(range, sizes))]

    def shifted(self, steps: dict[Direction, sympy.Expr]) -> list[sympy.Matrix]:
        """The diagonal weights moved along some directions."""
        out = [w.copy() for w in self.diagonal]
        for d, t in steps.items():
            out[d.layer][d.row, d.column] += t * (sympy.I if d.part else 1)
        return out

    def gradient(self, d: Direction | str) -> Polynomial:
        """Entry of the per-sample gradient at diagonal weights, averaged over the exact samples.

        A string is a trained scalar parameter.
        """
        if d not in self._gradients:
            self._gradients[d] = self.moments.averaged(self.sampled_gradient(d), self.exact)
        return self._gradients[d]

    def sampled_gradient(self, d: Direction | str, e: Direction | None = None) -> Polynomial:
        """The gradient before any average or, with ``e``, its derivative by that entry of the weights."""
        return polynomial(self._raw_gradient(d, e), self.variables, f"the gradient of {self.sde.what}")

    def _raw_gradient(self, d: Direction | str, e: Direction | None) -> sympy.Expr:
        if isinstance(d, str):
            return sympy.diff(self.loss(self.diagonal), self.parameters[d])
        if self.sde.spectrum == "symmetric" and d.row != d.column:
            other = d._replace(row=d.column, column=d.row)
            sign = -1 if d.part else 1
            return (self._derivative(d, e) + sign * self._derivative(other, e)) / 2
        return self._derivative(d, e)

    def _derivative(self, d: Direction, e: Direction | None) -> sympy.Expr:
        t, u = sympy.Symbol("_t", real=True), sympy.Symbol("_u", real=True)
        weights = self.diagonal if e is None else self.shifted({e: u})
        value = self._gradient_entry(d, weights, t)
        return value if e is None else sympy.diff(value, u).subs(u, 0)

    def gradient_at(self, d: Direction, weights) -> sympy.Expr:
        """Entry of the per-sample gradient at any weights."""
        return self._gradient_entry(d, weights, sympy.Symbol("_d", real=True))

    def _gradient_entry(self, d: Direction, weights, t: sympy.Symbol) -> sympy.Expr:
        if self.sde.gradient is not None:
            values = {**self.values(weights), **self.vectors}
            matrix = per_sample(self.sde, self.sde.gradient, "gradient", values)
            if getattr(matrix, "shape", None) != (self.m, self.n):
                shape = (
                    f"{matrix.rows} × {matrix.cols}" if getattr(matrix, "is_Matrix", False) else "a scalar"
                )
                raise ValueError(
                    f"gradient must have the shape of W, got {shape}; a scalar loss is given as loss=..."
                )
            entry = matrix[d.row, d.column]
            return sympy.im(entry) if d.part else (sympy.re(entry) if self.sde.beta == 2 else entry)
        moved = [w.copy() for w in weights]
        moved[d.layer][d.row, d.column] += t * (sympy.I if d.part else 1)
        return sympy.diff(self.loss(moved), t).subs(t, 0)

    def loss(self, weights) -> sympy.Expr:
        """The per-sample loss at given weights, checked to be a real scalar."""
        value = per_sample(self.sde, self.sde.loss, "loss", {**self.values(weights), **self.vectors})
        if getattr(value, "is_Matrix", False):
            if value.shape != (1, 1):
                raise ValueError(
                    f"loss must be a scalar, but {self.sde.what} is {value.shape[0]} × {value.shape[1]}: "
                    "take its trace Tr(...) or a product like v.T*v"
                )
            value = value[0, 0]
        if self.sde.beta == 2:
            value = sympy.expand(value)
            if sympy.im(value) != 0:
                raise ValueError(
                    f"loss must be real for complex W, but {self.sde.what} is not: use .H, not .T"
                )
        return value

    @property
    def chains(self) -> list[int]:
        """The variables that persist from one update to the next."""
        return [a for a, kept in enumerate(self.decay) if kept != 0]

    def drift(self, d: Direction | str) -> sympy.Expr:
        """Mean of -gradient."""
        return -self.moments.mean(self.gradient(d))

    def noise(self, d: Direction | str, e: Direction | str) -> sympy.Expr:
        """Cov(dM_d, dM_e)/dt of two directions, from samples and from given covariances."""
        p, q = self.gradient(d), self.gradient(e)
        sampled = self.moments.covariance(p, q)
        if self.chains:  # (1 + r)/(1 - r) = 1 + 2r/(1 - r)
            sampled += over_lags(p, q, self.covariance, self.decay, lambda r: 2 * r / (1 - r))
        return sampled + self.given.covariance(d, e)

    @cached_property
    def constants(self) -> list[sympy.Expr]:
        """What must not be negative for the noise to exist and does not depend on W: for a mode alone."""
        out = [self.covariance[a][a] for a in range(len(self.variables))]
        out += [1 - kept**2 for kept in self.decay]
        out += self.given.variances
        moving = {*self.xi, *self.opaque}
        return [v for v in out if v.free_symbols and not v.free_symbols & moving]


def parameter_symbol(name: str, kind: str) -> sympy.Symbol:
    """The symbol of a scalar parameter, with the assumptions of its kind."""
    if kind == "integer":
        return sympy.Symbol(name, integer=True, positive=True)
    if kind == "fraction":
        return sympy.Symbol(name, nonnegative=True)
    return sympy.Symbol(name, real=True) if kind == "real" else sympy.Symbol(name, positive=True)
