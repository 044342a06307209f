"""One description of a potential for the gas of n particles and for n → ∞."""

from __future__ import annotations

import inspect
import math
import subprocess
import sys

import numpy as np
import pytest

import dyson
from dyson.potential import Potential

INF = math.inf
WELL = np.polynomial.Polynomial([0, 0.5, -1, 0, 0.25])
WAYS = {
    "text": {"potential": "x**4/4 - x**2 + x/2"},
    "text with parameters": {"potential": "x**p/p - c*x**2 + x/2", "parameters": {"p": 4, "c": 1.0}},
    "polynomial": {"potential": WELL},
    "functions": {"potential": lambda x: x**4 / 4 - x**2 + x / 2, "derivative": lambda x: x**3 - 2 * x + 0.5},
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_describes_the_same_potential_to_both(way):
    x = np.linspace(1.5, -1.5, 7)
    for particles in (None, 7):
        found = Potential.of(**WAYS[way], particles=particles)
        np.testing.assert_allclose(found.value(x), WELL(x), rtol=0, atol=1e-14)
        np.testing.assert_allclose(found.derivative(x), WELL.deriv()(x), rtol=0, atol=1e-14)
    gas = dyson.CoulombGas(7, beta=2.0, walls=(-3, INF), **WAYS[way])
    exact = dyson.CoulombGas(7, "x**4/4 - x**2 + x/2", beta=2.0, walls=(-3, INF))
    np.testing.assert_allclose(gas.log_density(x), exact.log_density(x), rtol=1e-13)
    measure = dyson.equilibrium(beta=2.0, walls=(-3, INF), **WAYS[way])
    right = dyson.equilibrium("x**4/4 - x**2 + x/2", beta=2.0, walls=(-3, INF))
    assert np.abs(measure.support - right.support).max() < 1e-12
    still = dyson.quantiles_in_time([-1.0, 1.0], [0.1], strength=2.0, quantiles=20, **WAYS[way])
    same = dyson.quantiles_in_time([-1.0, 1.0], [0.1], WELL, strength=2.0, quantiles=20)
    assert np.abs(still.positions - same.positions).max() < 1e-9


def test_the_arguments_have_the_same_names():
    gas, measure = (set(inspect.signature(f).parameters) for f in (dyson.CoulombGas, dyson.equilibrium))
    assert measure <= gas
    flow = set(inspect.signature(dyson.quantiles_in_time).parameters)
    assert {"potential", "derivative", "parameters"} <= flow & measure


@pytest.mark.parametrize(
    "degree_two", ["(x - 1)**2/2 + k*x", np.polynomial.Polynomial([0.5, -1 + 0.25, 0.5])]
)
def test_parabolas_are_known_as_such_where_there_are_particles(degree_two):
    parameters = {"k": 0.25} if isinstance(degree_two, str) else None
    found = Potential.of(degree_two, parameters=parameters, particles=3)
    np.testing.assert_allclose(found.center, np.full(3, 0.75), rtol=1e-15)
    np.testing.assert_array_equal(found.width, np.ones(3))
    assert Potential.of(degree_two, parameters=parameters).center is None
    assert Potential.of(WELL, particles=3).center is None
    assert Potential.of("-x**2", particles=3).center is None
    assert dyson.CoulombGas(3, degree_two, parameters=parameters).ensemble.kind == "gaussian"


def test_powers_given_as_parameters_have_a_derivative_at_zero():
    found = Potential.of("x**p", parameters={"p": 2})
    assert found.derivative(np.zeros(1))[0] == 0


def test_a_derivative_alone_is_integrated():
    found = Potential.of(None, derivative=lambda x: 3 * x**2, walls=(1.0, INF))
    x = np.array([[3.0, 1.0], [2.0, 1.5]])
    np.testing.assert_allclose(found.value(x), x**3 - 1, rtol=1e-14, atol=1e-14)


def test_only_texts_need_sympy():
    program = "import sys, dyson, numpy as np; dyson.equilibrium(np.polynomial.Polynomial([0, 0, 1])); "
    program += "dyson.CoulombGas(2, lambda x: x**2, derivative=lambda x: 2*x); print('sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def gas(**arguments):
    return dyson.CoulombGas(3, **arguments)


@pytest.mark.parametrize("make", [gas, dyson.equilibrium])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"potential": 3}, "potential must be text such as .* got 3"),
        ({"potential": None}, "potential must be text such as .* got None"),
        ({"potential": "y**2"}, "potential at character 1: unknown name 'y'"),
        ({"potential": "sqrt(-1)*x"}, "must be a real number for each x"),
        ({"potential": "x**2", "derivative": np.sin}, "leave derivative out"),
        ({"potential": WELL, "derivative": np.sin}, "leave derivative out"),
        ({"potential": np.cosh, "derivative": 3}, r"derivative must be a function of x, V'\(x\), got 3"),
        ({"potential": np.cosh, "derivative": np.cosh}, "derivative is not that of the potential: at x = "),
        ({"potential": np.cosh, "derivative": np.sinh, "parameters": {"a": 1}}, "are for a .* given as text"),
        ({"potential": lambda x: x + 0j, "derivative": np.sinh}, "potential must map an array to real"),
        ({"potential": np.cosh, "derivative": lambda x: 1.0}, r"derivative must .* float64 of shape \(\)"),
        ({"potential": "x**2", "parameters": "a"}, "parameters must be a mapping by name, got 'a'"),
        ({"potential": "x**2", "parameters": {"x": 1.0}}, "must not hold x"),
        ({"potential": "a*x**2", "parameters": {"a": math.nan}}, "parameter 'a' must be finite"),
        ({"potential": "a*x**2", "parameters": {"a": [[1.0]]}}, "parameter 'a' must be 0-D"),
        ({"potential": "a*x**2", "parameters": {"a": [1.0, 2.0]}}, "parameter 'a' must be"),
        ({"potential": "x**2", "walls": 3}, "walls must be two numbers"),
        ({"potential": "x**2", "walls": (0, None)}, "∓inf for none"),
        ({"potential": "x**2", "walls": ("0", "1")}, "walls must be two numbers"),
        ({"potential": "x**2", "walls": (True, 2)}, "walls must be two numbers"),
        ({"potential": "x**2", "walls": (1, 1)}, "the lower one first"),
        ({"potential": "x**2", "walls": (0, math.nan)}, "the lower one first"),
        ({"potential": "x**2", "beta": 0}, "beta must be a finite number > 0"),
    ],
)  # fmt: skip
def test_both_refuse_the_same_in_the_same_words(make, arguments, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        make(**arguments)
    assert "\n" not in str(caught.value)
