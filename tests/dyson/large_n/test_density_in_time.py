"""Density in time against closed forms, the equation it solves, and simulations."""

import math

import numpy as np
import pytest

import dyson
from dyson.laws import MarchenkoPastur, Semicircle
from tests.oracles import assert_mean

TIGHT = 1e-12


def radius(v):
    return 2 * math.sqrt(v)


@pytest.mark.parametrize("rate", [0.7, 0.0, -0.4])
def test_point_becomes_a_semicircle(rate):
    times = np.array([0.1, 1.0, 5.0])
    gas = dyson.density_in_time(0.5, times, rate=rate, center=-0.2, strength=1.3)
    q = np.linspace(0, 1, 41)
    for t, law in zip(times, gas.at, strict=True):
        v = 1.3 * t if rate == 0 else 1.3 * (1 - math.exp(-2 * rate * t)) / (2 * rate)
        exact = Semicircle(-0.2 + 0.7 * math.exp(-rate * t), radius(v))
        x = exact.ppf(q)
        scale = radius(v) + 1
        assert np.abs(law.support - exact.support).max() < TIGHT * scale
        assert np.abs(law.density(x) - exact.pdf(x)).max() < 1e-7 / scale  # at the edges √ of rounding
        assert np.abs(law.density(x[1:-1]) - exact.pdf(x[1:-1])).max() < TIGHT * 10
        assert np.abs(law.cdf(x) - q).max() < TIGHT
        assert np.abs(law.ppf(q) - x).max() < 1e-9 * scale
        assert np.allclose(law.moments(5), exact.moments(5), rtol=TIGHT, atol=1e-13)


def test_late_times_are_the_equilibrium_measure():
    gas = dyson.density_in_time([3.0, -1.0, 7.0], 40.0, rate=1.0, strength=2.0)
    still = dyson.equilibrium("x**2/2", 2.0)
    x = np.linspace(-1.9, 1.9, 20)
    assert np.abs(gas.density(x)[0] - still.density(x)).max() < TIGHT
    assert np.abs(gas.support[0] - still.support).max() < TIGHT


def test_two_points_merge_at_their_critical_time():
    # ±a of mass ½ each: v∫dμ/(u − λ)² at u = 0 is v/a², and the gap closes where that is 1
    a, strength = 1.5, 0.8
    critical = a * a / strength
    gas = dyson.density_in_time([-a, a], critical * np.array([0.5, 0.9999, 1.0001]), strength=strength)
    assert [len(s) for s in gas.support] == [2, 2, 1]
    # edges from the cubic x = ω + vω/(ω² − a²): dx/dω = 0, (ω² − a²)² = v (ω² + a²)
    v = 0.5 * critical * strength
    root = np.sqrt(v * v / 4 + 2 * a * a * v)
    omega = np.sqrt(a * a + v / 2 + np.array([-root, root]))
    edges = omega + v * omega / (omega**2 - a * a)
    assert np.abs(gas.support[0][1] - edges).max() < TIGHT
    # the density is the imaginary part of the cubic's complex root
    x = np.linspace(edges[0] + 0.05, edges[1] - 0.05, 9)
    for at, rho in zip(x, gas.at[0].density(x), strict=True):
        roots = np.roots([1, -at, v - a * a, at * a * a])
        assert rho == pytest.approx(np.abs(roots.imag).max() / (math.pi * v), abs=1e-12)
    # at the critical time itself the density starts like |x|^(1/3)
    exactly = dyson.density_in_time([-1.0, 1.0], 1.0).density(np.array([8e-6, 1e-6]))[0]
    assert exactly[0] / exactly[1] == pytest.approx(2, abs=1e-3)


def test_semicircle_stays_one_and_times_compose():
    x = np.linspace(-2.5, 2.5, 41)
    gas = dyson.density_in_time(Semicircle(0.1, radius(0.25)), [1e-4, 0.1, 1.0])
    for t, row in zip(gas.times, gas.density(x), strict=True):
        assert np.abs(row - Semicircle(0.1, radius(0.25 + t)).pdf(x)).max() < TIGHT


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(lambda: dyson.equilibrium("x**4/4 - 1.5*x**2", 1.0), id="two cuts"),
        pytest.param(lambda: MarchenkoPastur(2.0, 1.0), id="atom and law"),
        pytest.param(lambda: MarchenkoPastur(1.0, 1.0), id="hard edge"),
        pytest.param(lambda: np.array([-1.0, 0.0, 0.1, 2.0, 2.0]), id="points"),
    ],
)
def test_moments_mass_and_resolvent_agree(start):
    gas = dyson.density_in_time(start(), [0.02, 0.5], rate=0.3, center=0.2, strength=1.5)
    for law in gas.at:
        nodes, weights = np.polynomial.legendre.leggauss(80)
        t, w = (1 + nodes) / 2, weights / 2
        x = np.concatenate([a + (b - a) * np.sin(math.pi * t / 2) ** 2 for a, b in law.support])
        w = np.concatenate([(b - a) * math.pi / 2 * np.sin(math.pi * t) * w for a, b in law.support])
        mass = w * law.density(x)
        assert mass.sum() == pytest.approx(1, abs=1e-7)
        assert np.allclose([mass @ x**k for k in range(1, 5)], law.moments(4), rtol=1e-6, atol=1e-7)
        z = 0.4 + 1.0j
        assert abs(mass @ (1 / (z - x)) - law.resolvent(z)) < 1e-6
        q = np.linspace(0.01, 0.99, 23)
        assert np.abs(law.cdf(law.ppf(q)) - q).max() < 1e-11


def test_burgers_equation():
    # ∂_t G = k ∂_z[(z − c) G] − s G ∂_z G, by differences of the resolvent
    k, c, s, t, h, z = 0.6, 0.3, 1.4, 0.7, 1e-4, 0.2 + 0.5j
    gas = dyson.density_in_time([-1.0, 0.5, 2.0], [t - h, t, t + h], rate=k, center=c, strength=s)
    early, now, late = gas.at
    change = (late.resolvent(z) - early.resolvent(z)) / (2 * h)
    g = now.resolvent(z)
    slope = (now.resolvent(z + h) - now.resolvent(z - h)) / (2 * h)
    assert abs(change - (k * (g + (z - c) * slope) - s * g * slope)) < 1e-7
    assert abs(change - (k * (g + (z - c) * slope) - 2 * s * g * slope)) > 0.01  # a factor 2 is caught


def test_second_moment():
    # d⟨x²⟩/dt = −2k⟨x (x − c)⟩ + s
    k, c, s = 0.8, -0.5, 2.0
    start = np.array([-1.0, 0.3, 4.0])
    times = np.linspace(0.1, 3, 5)
    first, second = dyson.density_in_time(start, times, rate=k, center=c, strength=s).moments(2).T
    mean = c + (start.mean() - c) * np.exp(-k * times)
    spread = start.var() * np.exp(-2 * k * times) + s * (1 - np.exp(-2 * k * times)) / (2 * k)
    assert np.allclose(first, mean, rtol=TIGHT) and np.allclose(second, mean**2 + spread, rtol=TIGHT)


def test_weights_and_functions():
    x = np.linspace(-4, 4, 17)
    one = dyson.density_in_time([0.0, 0.0, 0.0, 2.0], [0.5])
    two = dyson.density_in_time([2.0, 0.0], [0.5], weights=[1.0, 3.0])
    assert np.abs(one.density(x) - two.density(x)).max() < TIGHT
    half = dyson.density_in_time(lambda x: np.sqrt(1 - x * x), [0.5], support=(-1, 1))
    assert np.abs(half.density(x) - Semicircle(0.0, radius(0.75)).pdf(x)).max() < TIGHT
    flat = dyson.density_in_time(lambda x: np.ones_like(x), [0.3], support=(-1, 1))
    assert np.allclose(flat.moments(2), [[0, 1 / 3 + 0.3]], atol=1e-7)


def test_against_a_simulation():
    # β = 2: no correction of order 1/n
    n, k, g, t = 40, 1.0, 0.15, 0.4
    start = np.r_[np.full(n // 2, 1.0), np.full(n // 2, -1.0)]
    sde = dyson.models.matrix_ou(n, rate=k, noise=g, beta=2.0)
    paths = dyson.integrate(sde, x0=start, times=[0, t], replicas=64, seed=3, dt=2e-3)
    x = paths.eigenvalue.values[:, -1]
    law = dyson.density_in_time(start, t, rate=k, strength=n * 2 * g * g).at[0]
    wrong = dyson.density_in_time(start, t, rate=k, strength=n * 2 * g * g * 1.1).at[0]
    # at β = 2 the second moment is exact at every n
    assert_mean(np.mean(x**2, axis=1), law.moments(2)[1])
    assert_mean(np.mean(x**4, axis=1), law.moments(4)[3] + finite_fourth(law, n))
    assert abs(np.mean(x**2) - wrong.moments(2)[1]) > 10 * np.std(np.mean(x**2, axis=1)) / 8


def finite_fourth(law, n):
    """1/n² of ⟨x⁴⟩ from a fixed start at β = 2: E tr(A + √v H)⁴/n has 2 v² + v²/n² (GUE), and no other."""
    return law.variance**2 / n**2


@pytest.mark.slow
def test_quantiles_of_a_large_simulation():
    n, k, g, t = 200, 1.0, 0.06, 0.4
    start = np.r_[np.full(n // 2, 1.0), np.full(n // 2, -1.0)]
    sde = dyson.models.matrix_ou(n, rate=k, noise=g, beta=2.0)
    paths = dyson.integrate(sde, x0=start, times=[0, t], replicas=64, seed=3, dt=1.25e-4)
    x = np.sort(paths.eigenvalue.values[:, -1].mean(axis=0))
    # without the eigenvalues at the four edges, which are off by n^(−2/3)
    bulk = np.r_[5 : n // 2 - 5, n // 2 + 5 : n - 5]
    q = ((np.arange(n) + 0.5) / n)[bulk]

    def error(factor):
        law = dyson.density_in_time(start, t, rate=k, strength=factor * n * 2 * g * g).at[0]
        return np.abs(x[bulk] - law.ppf(q)).max()

    assert error(1.0) < 0.005
    assert error(1.03) > 0.01


def test_quantiles_in_any_potential():
    times = [0.3, 1.0]
    q = dyson.quantiles_in_time([-1.0, 1.0], times, "x**2/2", quantiles=80)
    exact = dyson.density_in_time([-1.0, 1.0], times, rate=1.0)
    assert np.abs(q.moments(2) - exact.moments(2)).max() < 1e-7
    assert np.abs(q.positions - exact.ppf(q.probabilities)).max() < 0.01
    x = np.array([-1.2, 0.8])
    assert np.abs(q.cdf(x) - exact.cdf(x)).max() < 0.005
    assert np.abs(q.density(x) - exact.density(x)).max() < 0.01
    late = dyson.quantiles_in_time(0.0, [10.0], "x**4/4 - 2*x**2", strength=2.0, quantiles=60)
    still = dyson.equilibrium("x**4/4 - 2*x**2", 2.0)
    assert np.abs(late.positions[0] - still.ppf(late.probabilities)).max() < 0.015


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": 0.0, "times": [0.0, 1.0]}, "start itself"),
        ({"start": 0.0, "times": 1.0, "strength": 0}, "strength must be"),
        ({"start": "x", "times": 1.0}, "a start is"),
        ({"start": [0.0, math.nan], "times": 1.0}, "finite"),
        ({"start": [0.0, 1.0], "times": 1.0, "weights": [1.0]}, "weights must be"),
        ({"start": np.cos, "times": 1.0}, "needs support"),
        ({"start": np.cos, "times": 1.0, "support": (0, 3)}, ">= 0 inside"),
        ({"start": np.cos, "times": 1.0, "support": (1, 0)}, "low < high"),
        ({"start": lambda x: 1.0 * (x > 0.3), "times": 1.0, "support": (0, 1)}, "not smooth"),
        ({"start": 0.0, "times": 1000.0, "rate": -1.0}, "grows by"),
        ({"start": 0.0, "times": 1.0, "rate": math.inf}, "rate must be finite"),
    ],
)
def test_refusals_are_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as error:
        dyson.density_in_time(**arguments)
    assert "\n" not in str(error.value)


def test_refusals_of_quantiles():
    with pytest.raises(ValueError, match="needs derivative="):
        dyson.quantiles_in_time(0.0, 1.0, lambda x: x**2)
    with pytest.raises(ValueError, match="increase"):
        dyson.quantiles_in_time(0.0, [1.0, 0.5], "x**2")
    with pytest.raises(ValueError, match=r"Im z > 0"):
        dyson.density_in_time(0.0, 1.0).at[0].resolvent(1.0)
