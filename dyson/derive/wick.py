"""Moments of polynomials in jointly Gaussian variables: Wick's (Isserlis') theorem, exact.

A polynomial is a mapping from exponents, one per variable, to a SymPy coefficient. Means are zero:

    ⟨v_a v_b ... ⟩ = Σ over pairings Π ⟨v_a v_b⟩

Source: L. Isserlis, Biometrika 12 (1918) 134.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import sympy

Exponents = tuple[int, ...]
Polynomial = Mapping[Exponents, sympy.Expr]
HIGHEST = 12
"""Largest total degree in the data; a product of two gradients doubles it."""


def polynomial(expression: sympy.Expr, variables: Sequence[sympy.Symbol], what: str) -> Polynomial:
    """Coefficients of ``expression`` as a polynomial in ``variables``.

    Raises
    ------
    ValueError
        If it is not a polynomial (the offending term is named) or its degree exceeds ``HIGHEST`` / 2.
    """
    if not variables:
        return {(): sympy.sympify(expression)}
    expression = sympy.expand(expression)
    for term in sympy.Add.make_args(expression):
        if not term.is_polynomial(*variables):
            raise ValueError(
                f"{what} is not polynomial in the samples: the term {str(term)[:80]} has no moments by "
                "Wick's "
                "theorem; expand it, or give the noise as a covariance"
            )
    terms = dict(sympy.Poly(expression, *variables).terms())
    degree = max(sum(e) for e in terms)
    if degree > HIGHEST // 2:
        raise ValueError(f"{what} is of degree {degree} in the samples; at most {HIGHEST // 2} is supported")
    return {e: c for e, c in terms.items() if c != 0}


class Moments:
    """Moments of variables with the given covariance.

    Parameters
    ----------
    covariance : sequence of sequences of Expr, shape (variables, variables)
    """

    def __init__(self, covariance: Sequence[Sequence[sympy.Expr]]):
        self._pairs = [[(b, c) for b, c in enumerate(row) if c != 0] for row in covariance]
        self._known: dict[Exponents, sympy.Expr] = {}

    def moment(self, exponents: Exponents) -> sympy.Expr:
        """⟨Π v_a^{e_a}⟩."""
        if exponents in self._known:
            return self._known[exponents]
        first = next((a for a, e in enumerate(exponents) if e), None)
        if first is None:
            value = sympy.Integer(1)
        elif sum(exponents) % 2:
            value = sympy.Integer(0)
        else:
            rest = list(exponents)
            rest[first] -= 1
            value = sympy.Integer(0)
            for b, c in self._pairs[first]:
                if rest[b]:
                    left = list(rest)
                    left[b] -= 1
                    value += rest[b] * c * self.moment(tuple(left))
        self._known[exponents] = value
        return value

    def mean(self, p: Polynomial) -> sympy.Expr:
        """⟨p⟩."""
        return sympy.Add(*(c * self.moment(e) for e, c in p.items()))

    def covariance(self, p: Polynomial, q: Polynomial) -> sympy.Expr:
        """⟨p q⟩ - ⟨p⟩⟨q⟩."""
        return self.mean(times(p, q)) - self.mean(p) * self.mean(q)

    def averaged(self, p: Polynomial, over: Sequence[int]) -> Polynomial:
        """``p`` averaged over some of the variables, which are independent of the others."""
        chosen = set(over)
        out: dict[Exponents, sympy.Expr] = defaultdict(lambda: sympy.Integer(0))
        for e, c in p.items():
            inside = tuple(k if a in chosen else 0 for a, k in enumerate(e))
            outside = tuple(0 if a in chosen else k for a, k in enumerate(e))
            value = self.moment(inside)
            if value != 0:
                out[outside] += c * value
        return out


def times(p: Polynomial, q: Polynomial) -> Polynomial:
    """The product of two polynomials."""
    out: dict[Exponents, sympy.Expr] = defaultdict(lambda: sympy.Integer(0))
    for e, c in p.items():
        for f, d in q.items():
            out[tuple(a + b for a, b in zip(e, f, strict=True))] += c * d
    return out


def over_lags(
    p: Polynomial,
    q: Polynomial,
    covariance: Sequence[Sequence[sympy.Expr]],
    decay: Sequence[sympy.Expr],
    total: Callable[[sympy.Expr], sympy.Expr],
) -> sympy.Expr:
    """Σ over lags of Cov(p(0), q(m)) for variables that are stationary chains: what lasts from step to step.

    ``decay[a]`` is what remains of variable a after one update (0: drawn anew), so that
    Cov(v_a(0), v_b(m)) = C_ab λ_b^m. A term in which λ's multiply to r contributes its value at lag zero
    times ``total(r)``: (1 + r)/(1 - r) over all lags, r/(1 - r) over m ≥ 1, 1/(1 - r) over m ≥ 0.
    """
    n = len(decay)
    power = [sympy.Symbol(f"_lag{a}", positive=True) if d != 0 else d for a, d in enumerate(decay)]
    now = [[*row, *(c * power[b] for b, c in enumerate(row))] for row in covariance]
    later = [[*(c * power[a] for c in row), *row] for a, row in enumerate(covariance)]
    both = Moments([*now, *later])
    none = (0,) * n
    first = {(*e, *none): c for e, c in p.items()}
    second = {(*none, *e): c for e, c in q.items()}
    joint = sympy.expand(both.covariance(first, second))
    live = [s for s in power if s in joint.free_symbols]
    if not live:  # nothing that lasts
        return sympy.Integer(0)
    kept = dict(zip(power, decay, strict=True))
    out = sympy.Integer(0)
    for exponents, coefficient in sympy.Poly(joint, *live).terms():
        if any(exponents):
            r = sympy.Mul(*(kept[s] ** e for s, e in zip(live, exponents, strict=True)))
            out += coefficient * total(r)
    return out


def derivative(p: Polynomial, a: int, times_: int = 1) -> Polynomial:
    """∂p/∂v_a, once or more."""
    for _ in range(times_):
        p = {(*e[:a], e[a] - 1, *e[a + 1 :]): c * e[a] for e, c in p.items() if e[a]}
    return p
