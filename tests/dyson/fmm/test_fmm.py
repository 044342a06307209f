"""The fast multipole method against the direct sum in long double, and the solver that uses it."""

from __future__ import annotations

from functools import cache

import mpmath
import numpy as np
import pytest
from scipy.linalg import eigvalsh_tridiagonal
from scipy.stats import beta

import dyson
from dyson import laws, solvers
from dyson.fmm import forces
from dyson.fmm.forces import order_of, tables
from streams import LANES, fill_normal, states
from tests.oracles import assert_ks

RNG = np.random.default_rng(1)
N = 2000


def descending(x):
    return -np.sort(-np.asarray(x, float))


def goe(n):
    """Eigenvalues of the Gaussian orthogonal ensemble: Dumitriu & Edelman's tridiagonal matrix."""
    off = np.sqrt(RNG.chisquare(np.arange(n - 1, 0, -1)) / 2)
    return descending(eigvalsh_tridiagonal(RNG.standard_normal(n), off))


def semicircle(n):
    return np.sqrt(2 * n) * (2 * beta(1.5, 1.5).ppf((np.arange(n, 0, -1) - 0.5) / n) - 1)


def cantor(n):
    """Clusters of clusters: the widths fall by 10 from level to level, 8 levels."""
    x = np.zeros(n)
    for level in range(8):
        x += 10.0**-level * RNG.integers(0, 2, n)
    return descending(x + 1e-9 * RNG.random(n))


SPECTRA = {
    "uniform": descending(RNG.random(N)),
    "semicircle": semicircle(N),
    "GOE": goe(N),
    "12 decades": descending(10 ** RNG.uniform(-12, 0, N)),
    "two narrow clusters": descending(np.repeat([1.0, 0.0], N // 2) + 1e-8 * RNG.random(N)),
    "an atom": descending(np.r_[np.full(500, 0.3), RNG.standard_normal(N - 500)]),
    "a narrow atom": descending(np.r_[0.3 + 1e-9 * RNG.random(500), RNG.standard_normal(N - 500)]),
    "clusters of clusters": cantor(N),
}


def direct(x, weights=1.0, softening=0.0):
    """Σ_j w_j d/(d² + ε²) in long double."""
    x, w = x.astype(np.longdouble), np.broadcast_to(np.asarray(weights, np.longdouble), x.shape)
    d = x[:, None] - x[None, :]
    d2 = d * d + np.longdouble(softening) ** 2
    return (w * np.where(d == 0, 0, d / np.where(d2 == 0, 1, d2))).sum(1)


def error(found, exact):
    """Root mean square over particles, relative."""
    return float(np.sqrt(((found - exact) ** 2).mean() / (exact**2).mean()))


def near_pairs(x):
    """Pairs of leaves summed particle by particle."""
    from dyson.fmm.kernels import add_forces

    starts, n = np.empty(len(x) + 1, np.int64), len(x)
    return add_forces(*tables(12), x, np.ones(n), 0.0, np.zeros(n), starts, np.empty(0))[1]


def test_long_double_is_an_oracle():
    x = SPECTRA["two narrow clusters"][900:1100]
    with mpmath.workdps(40):
        for i in (0, 99, 100, 150):
            exact = mpmath.fsum(1 / (mpmath.mpf(x[i]) - mpmath.mpf(y)) for y in x if y != x[i])
            assert float(direct(x)[i] / np.longdouble(str(exact)) - 1) == pytest.approx(0.0, abs=1e-17)


@cache
def exact_forces(name):
    x = SPECTRA[name]
    return direct(x), direct(x, np.random.default_rng(2).standard_normal(N))


@pytest.mark.parametrize("accuracy", [1e-6, 1e-9, pytest.param(1e-12, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SPECTRA)
def test_accuracy(name, accuracy):
    x, w = SPECTRA[name], np.random.default_rng(2).standard_normal(N)
    exact, weighted = exact_forces(name)
    assert error(forces(x, accuracy=accuracy), exact) < accuracy
    assert error(forces(x, w, accuracy), weighted) < accuracy


def test_planted_errors_are_caught():
    """The coarsest order is not the finest, and one weight changed by 1e-6 shows."""
    x = SPECTRA["GOE"]
    exact, w = direct(x), np.ones(N)
    assert error(forces(x, accuracy=1e-6), exact) > 1e-9
    w[700] += 1e-6
    assert error(forces(x, w), exact) > 1e-8


@pytest.mark.parametrize("softening", [1e-3, 0.05, 1.0, 300.0])
def test_softened_forces(softening):
    x, w = SPECTRA["GOE"], np.random.default_rng(2).standard_normal(N)
    exact = direct(x, w, softening)
    assert error(forces(x, w, softening=softening), exact) < 1e-9
    assert error(forces(x, w, softening=1.01 * softening), exact) > 1e-9


@pytest.mark.parametrize("n", [1, 2, 3, 31, 32, 33, 64, 65, 97, 1025])
def test_any_number_of_particles(n):
    x = descending(np.random.default_rng(n).standard_normal(n))
    np.testing.assert_allclose(forces(x), direct(x).astype(float), rtol=1e-7, atol=1e-8 * n)


def test_order_scale_and_coincidence():
    x = SPECTRA["12 decades"]
    force, mixed = forces(x), np.random.default_rng(3).permutation(N)
    assert np.array_equal(forces(x[mixed]), force[mixed])
    assert np.array_equal(forces(x * 2.0**300), force / 2.0**300)
    assert np.array_equal(forces(np.full(1000, 0.7)), np.zeros(1000))
    assert abs(forces(SPECTRA["GOE"]).sum()) < 1e-7  # to every force its opposite


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_in_every_force_of_the_kernel(bad):
    from dyson.fmm.kernels import add_forces

    x, force = np.linspace(1, -1, 100), np.zeros(100)
    x[40] = bad
    add_forces(*tables(12), x, np.ones(100), 0.0, force, np.empty(101, np.int64), np.empty(0))
    assert np.isnan(force).all()


@pytest.mark.parametrize("name", SPECTRA)
def test_clusters_are_not_summed_pair_by_pair(name):
    """At most a few near leaves a leaf; all pairs would be 2000 leaves · 1000 = 2 million."""
    make = {
        "uniform": lambda n: descending(RNG.random(n)),
        "semicircle": semicircle,
        "GOE": semicircle,
        "12 decades": lambda n: descending(10 ** RNG.uniform(-12, 0, n)),
        "two narrow clusters": lambda n: descending(np.arange(n) % 2 + 1e-8 * RNG.random(n)),
        "an atom": lambda n: descending(np.r_[np.full(n // 2, 0.3), RNG.random(n - n // 2)]),
        "a narrow atom": lambda n: descending(np.r_[0.3 + 1e-9 * RNG.random(n // 2), RNG.random(n - n // 2)]),
        "clusters of clusters": cantor,
    }
    n = 64_000
    assert near_pairs(make[name](n)) < 6 * n / 32


@pytest.mark.parametrize(
    "arguments, words",
    [
        (([],), "not empty"),
        (([1.0, np.nan],), "finite"),
        (([[1.0]],), "1-D"),
        (([1.0, 0.0], [1.0]), "one number per particle"),
        (([1.0, 0.0], None, 0.0), "accuracy must be"),
        (([1.0, 0.0], None, 1e-14), "accuracy must be >= 1e-12"),
        (([1.0, 0.0], None, 1e-6, -1.0), "softening must be"),
    ],
)
def test_bad_input(arguments, words):
    with pytest.raises(ValueError, match=words):
        forces(*arguments)


def test_one_step_of_the_solver_is_the_literal_scheme():
    """Bond splitting written out in NumPy, with the same random numbers and all pairs."""
    n, dt, g2, seed = 300, 1e-3, 0.49, 5
    x0 = goe(n)
    sde = dyson.models.matrix_ou(n, rate=2.0, center=0.3, noise=0.7)
    found = dyson.integrate(sde, x0, [0.0, dt], replicas=2, seed=seed, dt=dt, solver="fmm")
    rows = -(-n // LANES)
    normal = np.empty((2 * rows, LANES))
    fill_normal(states(seed, "dyson-many", LANES, LANES)[0], normal, rows)  # replica 1
    z, chi2 = normal[:rows].ravel()[:n], normal[rows:].ravel()[: n - 1] ** 2
    d = x0[:, None] - x0[None, :]
    rank = abs(np.subtract.outer(np.arange(n), np.arange(n)))
    force = np.where(rank > 1, d / (d * d + 2 * g2 * dt), 0).sum(1)
    x = x0 + dt * (2.0 * (0.3 - x0) + g2 * force) + np.sqrt(2 * g2 * dt) * z
    f, kick = x[:-1] - x[1:], 4 * g2 * dt * chi2
    p = np.r_[0, np.sqrt(f * f + kick) - f, 0]
    f = f - (p[:-2] + p[2:]) / 2
    p = np.r_[0, np.sqrt(f * f + kick) - f, 0]
    x += (p[1:] - p[:-1]) / 2
    np.testing.assert_allclose(found.eigenvalue[1, 1], descending(x), rtol=0, atol=1e-8)


def test_far_field_is_kept_as_by_the_block_solver():
    """Without noise, both solvers make the same path."""
    n, dt = 128, 1e-3
    x0 = np.sqrt(2 * n) * np.linspace(1, -1, n)
    sde = dyson.models.matrix_ou(n, noise=1e-4)
    paths = [
        dyson.integrate(sde, x0, [0.0, 20 * dt], replicas=1, seed=1, dt=dt, solver=name).eigenvalue.values
        for name in ("bond-splitting", "fmm")
    ]
    assert abs(paths[0] - paths[1]).max() < 1e-4
    assert abs(paths[0][0, 1] - x0).max() > 0.1


@pytest.mark.parametrize("beta_index", [1.0, 2.0, 2.5])
def test_second_moment_in_time(beta_index):
    """⟨Σ(x - c)²⟩ = σ² [n + β n (n - 1)/2] (1 - e^{-2kt}) from a point is met to 1 %."""
    n, replicas, t = 400, 12, 0.5
    sde = dyson.models.matrix_ou(n, center=1.5, noise=0.8, beta=beta_index)
    data = dyson.integrate(sde, times=[0.0, 0.01, t], replicas=replicas, seed=3)  # to 0.01 without a step
    assert data.attrs["solver"] == "fmm"
    moment = ((data.eigenvalue.values[:, 2] - 1.5) ** 2).sum(1)
    exact = 0.64 * (n + beta_index * n * (n - 1) / 2) * (1 - np.exp(-2 * t))
    assert abs(moment.mean() / exact - 1) < 0.01 + 4.4 * moment.std() / exact / np.sqrt(replicas)


def test_center_of_mass_is_ornstein_uhlenbeck():
    n, dt = 100, 0.01
    sde = dyson.models.matrix_ou(n, center=0.5)
    x0 = semicircle(n)
    x = dyson.integrate(sde, x0, [0.0, dt], replicas=2000, seed=4, dt=dt, solver="fmm").eigenvalue[:, 1]
    assert_ks(x.values.sum(1), laws.Gaussian(0.5 * n * dt, np.sqrt(2 * n * dt)).cdf)


def test_semicircle_of_ten_thousand():
    """A start at a uniform density of the wrong width; by t = 100 steps the law has moved as it should."""
    n = 10_000
    sde = dyson.models.matrix_ou(n)
    x0 = semicircle(n)
    x = dyson.integrate(sde, x0, [0.0, 100 * sde.time_step], replicas=1, seed=2).eigenvalue.values[0, 1]
    law = laws.Semicircle(0.0, np.sqrt(2 * n))
    distance = abs(law.cdf(x[::-1]) - (np.arange(n) + 0.5) / n).max()
    assert distance < 5 / n  # eigenvalues are rigid: independent values would be off by 1/√n
    assert (
        abs(laws.Semicircle(0.0, 1.01 * np.sqrt(2 * n)).cdf(x[::-1]) - (np.arange(n) + 0.5) / n).max()
        > 10 / n
    )
    # expansion from half the width: R² = R0² + (R∞² - R0²) (1 - e^{-2t}), 6 % in this time
    t = 500 * sde.time_step
    x = dyson.integrate(sde, 0.5 * x0, [0.0, t], replicas=1, seed=2).eigenvalue.values[0, 1]
    radius2 = 2 * n * (1 - 0.75 * np.exp(-2 * t))
    assert 4 * (x**2).mean() / radius2 == pytest.approx(1.0, abs=0.005)
    assert abs(laws.Semicircle(0.0, np.sqrt(radius2)).cdf(x[::-1]) - (np.arange(n) + 0.5) / n).max() < 0.002


def test_a_hundred_thousand_particles():
    n = 100_000
    sde = dyson.models.matrix_ou(n)
    data = dyson.integrate(sde, semicircle(n), [0.0, 20 * sde.time_step], replicas=1, seed=1)
    x = data.eigenvalue.values[0, 1]
    assert np.isfinite(x).all() and (np.diff(x) <= 0).all()
    assert (x**2).sum() / (n * (n + 1) / 2) == pytest.approx(1.0, abs=1e-3)


def test_same_bits_for_any_workers_and_ensemble_size():
    sde = dyson.models.matrix_ou(100)
    options = {"x0": semicircle(100), "times": [0.0, 0.01, 0.02], "seed": 7, "solver": "fmm"}
    whole = dyson.integrate(sde, replicas=70, **options).eigenvalue.values
    assert np.array_equal(whole, dyson.integrate(sde, replicas=70, workers=3, **options).eigenvalue.values)
    assert np.array_equal(whole[:5], dyson.integrate(sde, replicas=5, **options).eigenvalue.values)
    assert len(np.unique(whole[:, -1, 0])) == 70


def test_when_it_is_chosen():
    few, many = (dyson.models.matrix_ou(n) for n in (solvers.MANY - 1, solvers.MANY))
    species = dyson.models.matrix_ou(solvers.MANY, noise=np.linspace(1, 2, solvers.MANY))
    assert solvers.chosen("bond-splitting", few) == "bond-splitting"
    assert solvers.chosen("bond-splitting", many) == "fmm"
    assert solvers.chosen("bond-splitting", species) == "bond-splitting"
    assert solvers.chosen("euler", many) == "euler"
    with pytest.raises(ValueError, match="one noise amplitude"):
        dyson.integrate(species, times=[0, 1e-6], seed=1, solver="fmm")


def test_order_of_accuracy():
    assert [order_of(a) for a in (1.0, 1e-6, 1e-7, 1e-9, 1e-12)] == [8, 8, 12, 12, 16]
