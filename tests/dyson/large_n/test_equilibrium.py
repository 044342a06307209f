"""Equilibrium measures against closed forms, exact identities, and an independent resolvent."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

import dyson
from dyson.large_n.correction import correction_of
from dyson.large_n.measure import Cut, Measure
from dyson.laws import MarchenkoPastur, Semicircle

TIGHT, INF = 1e-12, math.inf


def inside(result, points=51):
    """Points inside each cut."""
    t = np.cos(np.linspace(0.05, 3.1, points))
    return np.concatenate([(a + b) / 2 + (b - a) / 2 * t for a, b in result.support])


def force_balance(result, slope):
    """V' = β PV∫dμ/(x − y), with the principal value by quadrature of the density, not by its series."""
    for x in inside(result, 2):
        total = 0.0
        for a, b in result.support:
            if a < x < b:
                total += quad(lambda y: float(result.density(y)), a, b, weight="cauchy", wvar=x, limit=400)[0]
            else:
                total -= quad(lambda y, x=x: float(result.density(y)) / (x - y), a, b, limit=400)[0]
        assert -result.beta * total == pytest.approx(slope(x), abs=1e-6)


@pytest.mark.parametrize(("k", "beta"), [(1.0, 2.0), (3.0, 1.0), (1e-6, 4.0), (1e8, 0.5)])
def test_semicircle(k, beta):
    result = dyson.equilibrium("k*(x - c)**2/2", beta, parameters={"k": k, "c": 0.3})
    radius = math.sqrt(2 * beta / k)
    law = Semicircle(0.3, radius)
    x = inside(result)
    # 0.3 itself is known to 1e-16, which the narrow one feels
    tight = TIGHT + 1e-15 / radius
    assert np.abs(result.support - [[0.3 - radius, 0.3 + radius]]).max() < tight * radius
    assert np.abs(result.density(x) - law.pdf(x)).max() < 10 * tight / radius
    assert np.abs(result.cdf(x) - law.cdf(x)).max() < tight
    assert np.abs(result.ppf(np.linspace(0, 1, 21)) - law.ppf(np.linspace(0, 1, 21))).max() < 1e-9 * radius
    assert np.allclose(result.moments(6), law.moments(6), rtol=TIGHT, atol=1e-14)
    assert result.constant == pytest.approx(beta / 2 - beta * math.log(radius / 2), abs=1e-11)


def test_pure_quartic():
    # V = x⁴/4, β = 2: a⁴ = 16/3, ρ = (x² + a²/2) √(a² − x²)/(2π)
    result = dyson.equilibrium("x**4/4")
    a = (16 / 3) ** 0.25
    x = inside(result)
    assert np.abs(result.support - [[-a, a]]).max() < TIGHT
    assert (
        np.abs(result.density(x) - (x * x + a * a / 2) * np.sqrt(a * a - x * x) / (2 * math.pi)).max() < TIGHT
    )
    assert result.energy == pytest.approx(3 / 8 - math.log(a / 2), abs=TIGHT)


@pytest.mark.parametrize("c", [-2.0, 0.3, 0.9, 1.0])
def test_double_well_with_one_cut(c):
    # ρ = (x² + a²/2 − 2c) √(a² − x²)/(2π), with 3a⁴/16 − c a²/2 = 1; at c = 1 it vanishes at 0
    result = dyson.equilibrium("x**4/4 - c*x**2", parameters={"c": c})
    square = (c / 2 + math.sqrt(c * c / 4 + 3 / 4)) * 8 / 3
    x = inside(result)
    exact = (x * x + square / 2 - 2 * c) * np.sqrt(square - x * x) / (2 * math.pi)
    assert np.abs(result.support - math.sqrt(square) * np.array([[-1, 1]])).max() < TIGHT
    assert np.abs(result.density(x) - exact).max() < TIGHT


@pytest.mark.parametrize("c", [1.01, 1.5, 4.0])
def test_double_well_with_two_cuts(c):
    # ρ = |x| √((b² − x²)(x² − a²))/(2π), a², b² = 2c ∓ 2
    result = dyson.equilibrium("x**4/4 - c*x**2", parameters={"c": c})
    a2, b2 = 2 * c - 2, 2 * c + 2
    x = inside(result)
    exact = np.abs(x) * np.sqrt((b2 - x * x) * (x * x - a2)) / (2 * math.pi)
    ends = np.array([[-math.sqrt(b2), -math.sqrt(a2)], [math.sqrt(a2), math.sqrt(b2)]])
    assert np.abs(result.support - ends).max() < TIGHT
    assert np.abs(result.density(x) - exact).max() < TIGHT
    assert np.abs(result.masses - 0.5).max() < TIGHT
    assert result.constant == pytest.approx(0.5 - c * c, abs=1e-11)


@pytest.mark.parametrize("a", [2.0, 0.1, 0.0])
def test_marchenko_pastur(a):
    # WᵀW/n of complex entries, M = n(1 + a) rows: V = x − a log x at β = 2
    text = "x - a*log(x)" if a else "x"
    result = dyson.equilibrium(text, walls=(0, INF), parameters={"a": a} if a else None)
    law = MarchenkoPastur(1 / (1 + a), 1 + a)
    x = inside(result)
    assert np.abs(result.support - law.support).max() < TIGHT
    assert np.abs(result.density(x) / law.pdf(x) - 1).max() < (TIGHT if a != 0.1 else 1e-11)
    assert np.abs(result.cdf(x) - law.cdf(x)).max() < TIGHT
    assert np.allclose(result.moments(4), law.moments(4), rtol=TIGHT)
    assert result.hard.tolist() == [[a == 0, False]]


def test_walls_on_both_sides_are_arcsine():
    result = dyson.equilibrium("0*x", walls=(-1, 3))
    x = inside(result)
    assert np.abs(result.density(x) * math.pi * np.sqrt((x + 1) * (3 - x)) - 1).max() < TIGHT
    assert result.hard.all() and result.density(-1.0) == math.inf
    assert result.constant == pytest.approx(0, abs=TIGHT)  # log of the capacity, 1


def test_gaussian_pushed_against_a_wall():
    # V = x²/2, x >= 0, β = 2 (Dean, Majumdar, PRL 97 (2006) 160201): b = 4/√3, ρ = √((b − x)/x)(b + 2x)/(4π)
    result = dyson.equilibrium("x**2/2", walls=(0, INF))
    b = 4 / math.sqrt(3)
    x = inside(result)
    assert np.abs(result.support - [[0, b]]).max() < TIGHT
    assert np.abs(result.density(x) - np.sqrt((b - x) / x) * (b + 2 * x) / (4 * math.pi)).max() < TIGHT
    # a wall that is far away, or that no particle would pass, does nothing
    assert np.abs(dyson.equilibrium("x**2/2", walls=(-5, INF)).support - [[-2, 2]]).max() < TIGHT


@pytest.mark.parametrize(
    ("text", "slope", "cuts"),
    [
        ("x**4/4 - 2*x**2 + x/10", lambda x: x**3 - 4 * x + 0.1, 2),
        ("x**6/6 - 3*x**4/2 + 3.2*x**2", lambda x: x**5 - 6 * x**3 + 6.4 * x, 3),
        ("x**2/2 - log(x**2)", lambda x: x - 2 / x, 2),
        ("cosh(x)", np.sinh, 1),
    ],
)
def test_force_balance_mass_and_inequality(text, slope, cuts):
    result = dyson.equilibrium(text)
    assert len(result.support) == cuts
    force_balance(result, slope)
    assert result.masses.sum() == pytest.approx(1, abs=TIGHT)
    # Σ x V' averages to β/2 (scaling of the energy), and Σ V' to 0
    nodes = [cut.nodes(40) for cut in result._measure.cuts]
    x, w = np.concatenate([n[0] for n in nodes]), np.concatenate([n[1] for n in nodes])
    assert w @ (x * slope(x)) == pytest.approx(1, abs=1e-11)
    assert w @ slope(x) == pytest.approx(0, abs=1e-11)
    # equal potential on all cuts, more outside
    assert np.abs(result.effective_potential(inside(result))).max() < 1e-11
    low, high = result.support[0, 0], result.support[-1, 1]
    gaps = [np.linspace(low - 1, low - 1e-3, 50), np.linspace(high + 1e-3, high + 1, 50)]
    gaps += [np.linspace(a, b, 52)[1:-1] for a, b in result.support.ravel()[1:-1].reshape(-1, 2)]
    assert result.effective_potential(np.concatenate(gaps)).min() > 0
    assert result.slack >= -1e-9


def test_wrong_number_of_cuts_is_noticed():
    # one cut forced on a double well balances the force and has mass 1, but its density is negative
    from dyson.large_n.changes import split
    from dyson.large_n.cuts import settle
    from dyson.potential import Potential

    well = Potential.of("x**4/4 - 1.02*x**2")
    ends = np.array([[-2.0, 2.0]])
    wrong = settle(well, 2.0, ends, np.zeros((1, 2), dtype=bool))
    changed = split(well, wrong)
    assert changed is not None and len(changed[0]) == 2


def test_resolvent_is_that_of_the_density():
    result = dyson.equilibrium("x**4/4 - 1.5*x**2", 1.0)
    for z in (0.3 + 0.4j, 3.0 - 0.1j, 0.0 + 0.0j):
        exact = sum(
            quad(lambda x, z=z: (float(result.density(x)) / (z - x)).real, a, b)[0]
            + 1j * quad(lambda x, z=z: (float(result.density(x)) / (z - x)).imag, a, b)[0]
            for a, b in result.support
        )
        assert abs(result.resolvent(z) - exact) < 1e-8
    x = inside(result, 7)
    assert np.abs(result.resolvent(x) - (x**3 - 3 * x - 1j * math.pi * result.density(x))).max() < 1e-12
    assert np.abs(result.cdf(result.ppf([0.1, 0.4, 0.6, 0.99])) - [0.1, 0.4, 0.6, 0.99]).max() < 1e-14


def test_functions_and_polynomials_give_the_same_as_text():
    exact = dyson.equilibrium("x**4/4 - 3*x**2").support
    polynomial = np.polynomial.Polynomial([0, 0, -3, 0, 0.25])
    assert np.abs(dyson.equilibrium(polynomial).support - exact).max() < TIGHT
    assert np.abs(dyson.equilibrium(None, derivative=lambda x: x**3 - 6 * x).support - exact).max() < TIGHT
    by_value = dyson.equilibrium(lambda x: x**4 / 4 - 3 * x**2)
    assert np.abs(by_value.support - exact).max() < 1e-11


SLOPES = {
    "x**2/2": lambda x: x,
    "x**4/4 + x": lambda x: x**3 + 1,
    "cosh(x) + x**2": lambda x: np.sinh(x) + 2 * x,
}


@pytest.mark.parametrize("text", SLOPES)
@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_correction_against_exact_identities(text, beta):
    # ⟨Σ x V'⟩ = 1 + β(n − 1)/2 and ⟨Σ V'⟩ = 0 at every n: order 1/n is 1 − β/2, and 0
    result = dyson.equilibrium(text, beta)
    correction = result.correction()
    slope = SLOPES[text]
    x, w = correction._cut.nodes(40)
    x, w = np.r_[x, correction.edges], np.r_[w, correction.weights]
    assert abs(w.sum()) < TIGHT
    assert w @ (x * slope(x)) == pytest.approx(1 - beta / 2, abs=1e-11)
    assert w @ slope(x) == pytest.approx(0, abs=1e-11)


def test_correction_of_the_gaussian_ensemble():
    # n × n GOE, ⟨X_ij²⟩ = 1/n off the diagonal, β = 1, V = x²/4: n⁻¹⟨tr X⁴⟩ = 2 + 5/n + 5/n²
    correction = dyson.equilibrium("x**2/4", 1.0).correction()
    assert correction.moment(4) == pytest.approx(5, abs=1e-11)
    assert correction.moment(2) == pytest.approx(1, abs=1e-12)
    x = np.array([-1.0, 0.5])
    assert np.abs(correction.density(x) + 0.5 / (math.pi * np.sqrt(4 - x * x))).max() < TIGHT


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"potential": "x**3"}, "towards −∞"),
        ({"potential": "exp(x)"}, "towards −∞"),
        ({"potential": "-x**2/2 + exp(-x)"}, r"towards \+∞"),
        ({"potential": "log(1 + x**2)"}, "faster than β log"),
        ({"potential": "x - log(x)"}, "give walls="),
        ({"potential": "x + log(x)", "walls": (0, INF)}, "towards the wall"),
        ({"potential": "y**2"}, "unknown name"),
        ({"potential": "__import__('os')"}, "potential"),
        ({"potential": "I*x**2"}, "unknown name"),
        ({"potential": "x**2", "beta": -1}, "beta must be"),
        ({"potential": "x**2", "walls": (1, 0)}, "lower one first"),
        ({"potential": "x**2", "walls": (math.nan, INF)}, "walls must be"),
        ({"potential": "a*x**2", "parameters": {"a": math.inf}}, "must be finite"),
        ({"potential": lambda x: np.zeros(3)}, "array to real numbers"),
        ({"potential": lambda x: x**2, "parameters": {"a": 1}}, "given as text"),
        ({"potential": np.abs}, "smooth"),
    ],
)
def test_refusals_are_one_line(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message) as error:
        dyson.equilibrium(**arguments)
    assert "\n" not in str(error.value)


def test_more_refusals():
    with pytest.raises(TypeError, match="text such as"):
        dyson.equilibrium(3)
    result = dyson.equilibrium("x**2/2")
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        result.ppf(1.5)
    with pytest.raises(ValueError, match="one cut with two soft edges"):
        dyson.equilibrium("x", walls=(0, INF)).correction()
    with pytest.raises(ValueError, match="no expansion"):
        correction_of(Measure((Cut(-1.0, 1.0, np.array([1 / math.pi, 0, 0, 0, -1 / math.pi])),)), 1.0)
