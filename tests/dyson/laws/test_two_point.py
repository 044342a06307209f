"""R_2 of `FiniteDensity` against the joint density itself, sums, the bulk limit and samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import gammaln

from dyson import CoulombGas
from dyson.laws import FiniteDensity, cluster
from tests.oracles import assert_mean

ENSEMBLES = [
    *(("gaussian", beta, 0) for beta in (1, 2, 4)),
    *(("laguerre", 1, a) for a in (-0.5, 0, 0.5, 3)),
    *(("laguerre", 2, a) for a in (-0.5, 0, 2.3)),
    *(("laguerre", 4, a) for a in (0, 1, 2, 5)),
]
SIGMA = 0.7
each_ensemble = pytest.mark.parametrize(("ensemble", "beta", "a"), ENSEMBLES)


def log_integral(n, ensemble, beta, a):
    """Selberg: log ∫ Π|Δ|^β Π e^{−x²/2} or Π x^a e^{−x}."""
    j, b = np.arange(n), beta / 2
    pairs = np.sum(gammaln(1 + (j + 1) * b) - gammaln(1 + b))
    return pairs + (n * math.log(2 * math.pi) / 2 if ensemble == "gaussian" else gammaln(1 + a + j * b).sum())


def joint(ensemble, beta, a, *x):
    """Density at eigenvalues x, arrays that broadcast, in any order: no kernel, no orthogonality."""
    unit = SIGMA if ensemble == "gaussian" else 2 * SIGMA**2
    z, n = [np.asarray(v) / unit for v in x], len(x)
    value = 1.0
    for i, zi in enumerate(z):
        value = value * (np.exp(-zi * zi / 2) if ensemble == "gaussian" else zi**a * np.exp(-zi)) / unit
        for zj in z[:i]:
            value = value * np.abs(zi - zj) ** beta
    return value / math.exp(log_integral(n, ensemble, beta, a))


def cells(law, *cuts):
    """Panels between the cuts in u, with x = u, or u² where that makes x^a dx smooth; reach of e^{−45}."""
    if law.ensemble == "gaussian":
        reach, start = SIGMA * (math.sqrt(2 * law.beta * law.n) + 9), -1.0
    else:
        reach, start = SIGMA * (math.sqrt(4 * law.beta * law.n + 4 * law.a) + 9), 0.0
    inner = np.asarray(cuts) if law.ensemble == "gaussian" else np.sqrt(cuts)
    return np.unique(np.r_[np.linspace(start * reach, reach, 13 + 2 * law.beta * law.n), inner])


NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)
NODES, WEIGHTS = (NODES + 1) / 2, WEIGHTS / 2


def rule(law, *cuts):
    """Points x and weights of an integral over one eigenvalue, shape (panels, 20)."""
    edges = cells(law, *cuts)
    wide = np.diff(edges)[:, None]
    u = edges[:-1, None] + wide * NODES
    return (u, wide * WEIGHTS) if law.ensemble == "gaussian" else (u * u, wide * WEIGHTS * 2 * u)


def over_pairs(law, function, *cuts):
    """∫∫ of a symmetric function with a kink on the diagonal: squares above it, and the triangles on it."""
    x, w = rule(law, *cuts)
    k, j = np.triu_indices(len(x), 1)
    whole = np.einsum("ki,kj,kij->", w[k], w[j], function(x[k][:, :, None], x[j][:, None, :]))
    edges = cells(law, *cuts)
    top = edges[1:, None, None]
    u = edges[:-1, None, None] + (top - edges[:-1, None, None]) * NODES[:, None]
    v = u + (top - u) * NODES
    area = (top - edges[:-1, None, None]) * WEIGHTS[:, None] * (top - u) * WEIGHTS
    if law.ensemble == "laguerre":
        area, u, v = area * 4 * u * v, u * u, v * v
    return 2 * (whole + np.sum(area * function(u, v)))


def points(law):
    """Pairs in the middle, in the tails, close together, either order."""
    q = law.ppf([0.003, 0.2, 0.45, 0.5, 0.9, 0.999])
    return [(q[1], q[4]), (q[3], q[2]), (q[0], q[5]), (q[3], q[3] + 0.01)]


def assert_pairs(law, x, y, exact):
    """To 1e-12 of R_1(x) R_1(y), which R_2 is a difference from: 2e-13 is what rounding costs."""
    error = np.abs(law.two_point(x, y) - exact) / (law.n**2 * law.pdf(x) * law.pdf(y))
    assert np.max(error) < 1e-12


@each_ensemble
def test_two_eigenvalues(ensemble, beta, a):
    """R_2(x, y) = 2 P(x, y)."""
    law = FiniteDensity(2, beta, SIGMA, ensemble, a)
    x = law.ppf(np.linspace(1e-4, 1 - 1e-4, 60))
    assert_pairs(law, x[:, None], x, 2 * joint(ensemble, beta, a, x[:, None], x))


@each_ensemble
def test_three_eigenvalues(ensemble, beta, a):
    """R_2(x, y) = 6 ∫P(x, y, z) dz."""
    law = FiniteDensity(3, beta, SIGMA, ensemble, a)
    for x, y in points(law):
        z, w = rule(law, x, y)
        assert_pairs(law, x, y, 6 * np.sum(w * joint(ensemble, beta, a, x, y, z)))


@each_ensemble
def test_four_eigenvalues(ensemble, beta, a):
    """R_2(x, y) = 12 ∫∫P(x, y, z, w) dz dw."""
    law = FiniteDensity(4, beta, SIGMA, ensemble, a)
    for x, y in points(law):
        exact = 12 * over_pairs(law, lambda z, w, x=x, y=y: joint(ensemble, beta, a, x, y, z, w), x, y)
        assert_pairs(law, x, y, exact)


def test_typed_in_values():
    """mpmath, 30 digits: 6 ∫P(0, 1, z) dz, and 6 ∫P(1, 2, z) dz for e^{−x/2}."""
    assert FiniteDensity(3, 1).two_point(0, 1) == pytest.approx(0.381617834710094, rel=1e-13)
    assert FiniteDensity(3, 4).two_point(0, 1) == pytest.approx(0.02654639697326482, rel=1e-13)
    law = FiniteDensity(3, 1, 1.0, "laguerre")
    assert law.two_point(1, 2) == pytest.approx(0.1137746517790429, rel=1e-13)


@pytest.mark.parametrize("n", [7, 20, 41])
@each_ensemble
def test_one_eigenvalue_integrated_out(ensemble, beta, a, n):
    """∫R_2(x, y) dy = (n − 1) n pdf(x), whose code at β = 1, 4 is another; pdf is right to 1e-12."""
    law = FiniteDensity(n, beta, SIGMA, ensemble, a)
    for x in law.ppf([1e-3, 0.02, 0.5, 0.97]):
        y, w = rule(law, x)
        assert np.sum(w * law.two_point(x, y)) == pytest.approx((n - 1) * n * law.pdf(x), rel=2e-12)


LARGEST = [
    *(FiniteDensity(n, beta, SIGMA) for n, beta in ((149, 1), (150, 1), (150, 2), (150, 4))),
    *(FiniteDensity(n, beta, SIGMA, "laguerre", 100) for n, beta in ((59, 1), (60, 1), (60, 4))),
    FiniteDensity(150, 2, SIGMA, "laguerre", 100),
]


@pytest.mark.parametrize("law", LARGEST, ids=str)
def test_one_eigenvalue_integrated_out_of_the_most(law):
    """At the largest n and a, where x^a e^{−x} is beyond floats: pdf to 2e-12 at a = 100."""
    for x in law.ppf([0.02, 0.5]):
        y, w = rule(law, x)
        exact = (law.n - 1) * law.n * law.pdf(x)
        assert np.sum(w * law.two_point(x, y)) == pytest.approx(exact, rel=1e-11)
    assert law.moment(0) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("n", [40, 149, 150])
@pytest.mark.parametrize("beta", [1, 2, 4])
def test_bulk(beta, n):
    """R_2/ρ² → 1 − Y(r) at r mean spacings in the middle: within 0.7/n, 0.5/n (β = 1, 4), 6/n² (β = 2).

    ρ is the semicircle. Over four spacings of the middle, since the eigenvalues have places of their own
    there: by n^{−1/2} at β = 4.
    """
    law, r = FiniteDensity(n, beta), np.linspace(0, 3, 61)[:, None]
    radius, share = math.sqrt(2 * beta * n), (np.arange(64) + 0.5) / 64
    middle = (share - 0.5) * 4 * math.pi * radius / (2 * n)
    rho = 2 * n / (math.pi * radius**2) * np.sqrt(radius**2 - middle**2)
    half = r / (2 * rho)
    found = law.two_point(middle - half, middle + half) / rho**2 @ (1 - np.cos(2 * np.pi * share)) / 64
    worst = np.max(np.abs(found - (1 - cluster(r[:, 0], beta))))
    assert worst < {1: 0.7 / n, 2: 6 / n**2, 4: 0.5 / n}[beta]


@pytest.mark.parametrize("n", [5, 6])
@each_ensemble
def test_eigenvalues_repel(ensemble, beta, a, n):
    """R_2 vanishes as |x − y|^β, exactly on the diagonal; it is symmetric and not negative."""
    law = FiniteDensity(n, beta, SIGMA, ensemble, a)
    x = law.ppf(np.linspace(0.2, 0.9, 9))
    gap = np.diff(law.ppf([0.5, 0.5 + 0.01 / n]))  # small, with R_2 far above rounding
    ratio = law.two_point(x - gap, x + gap) / law.two_point(x - gap / 2, x + gap / 2)
    np.testing.assert_allclose(ratio, 2**beta, rtol=0.01)
    found, scale = law.two_point(x[:, None], x), n**2 * law.pdf(x[:, None]) * law.pdf(x)
    assert np.max(np.diag(found / scale)) < 1e-14
    assert np.max(np.abs(found - found.T) / scale) < 1e-13
    y = law.ppf(np.linspace(1e-9, 1 - 1e-9, 50))
    assert np.all(law.two_point(y[:, None], y) >= 0)


def test_scale_and_shape():
    for ensemble, unit in (("gaussian", 3.0), ("laguerre", 9.0)):
        for beta in (1, 2, 4):
            one, other = FiniteDensity(5, beta, 1.0, ensemble), FiniteDensity(5, beta, 3.0, ensemble)
            x, y = np.array([0.3, 1.1, 2.0]), np.array([[0.7], [1.9]])
            found = one.two_point(x, y)
            assert found.shape == (2, 3) and np.ndim(one.two_point(0.3, 0.7)) == 0
            np.testing.assert_allclose(found[1], one.two_point(x, 1.9), atol=1e-14)
            np.testing.assert_allclose(other.two_point(unit * x, unit * y), found / unit**2, atol=1e-14)
    assert FiniteDensity(5, 1, 1e200).two_point(0, 1e200) == 0
    assert FiniteDensity(5, 1, 1e-200).two_point(0, 1e-200) == np.inf


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_places_without_eigenvalues(beta):
    x = np.array([-1.0, 0.5, 1e300, np.inf, np.nan])
    for law in (FiniteDensity(1, beta), FiniteDensity(1, beta, 1.0, "laguerre")):
        np.testing.assert_array_equal(law.two_point(x, 0.5), [0, 0, 0, 0, np.nan])
    far = FiniteDensity(4, beta).two_point(x, 0.7)
    assert far[0] > 0 and far[1] > 0
    np.testing.assert_array_equal(far[2:], [0, 0, np.nan])
    for a in {1: (-0.5, 0, 1), 2: (-0.5, 0, 1), 4: (0, 1, 2)}[beta]:
        law = FiniteDensity(4, beta, 1.0, "laguerre", a)
        found = law.two_point(x, 0.7)
        assert found[0] == 0 and found[1] > 0
        np.testing.assert_array_equal(found[2:], [0, 0, np.nan])
        wall = law.two_point([0.0, 0.0, 0.0], [0.7, 0.0, -1.0])
        near = law.two_point(1e-9, 0.7)
        exact = np.inf if a < 0 else 0 if a > 0 else pytest.approx(near, rel=1e-6)
        assert wall[0] == exact and wall[1] < 1e-13 and wall[2] == 0


@pytest.mark.slow
@pytest.mark.parametrize("n", [4, 9])
@pytest.mark.parametrize(("ensemble", "beta", "a"), [e for e in ENSEMBLES if e[1] != 2])
def test_samples(ensemble, beta, a, n):
    """Pairs of eigenvalues of matrices in pairs of boxes, a number per matrix."""
    law = FiniteDensity(n, beta, SIGMA, ensemble, a)
    if ensemble == "gaussian":
        gas = CoulombGas.gaussian(n, SIGMA, beta)
    else:
        gas = CoulombGas.laguerre(n, a, 2 * SIGMA**2, beta)
    x = gas.sample(40_000, seed=n)
    q = law.ppf([0.1, 0.3, 0.45, 0.6, 0.8])
    wide, share, refused = np.diff(q), np.diff(law.cdf(q)), 0
    for k, j in ((0, 1), (0, 3), (1, 2), (2, 3)):
        y, z = (q[i] + wide[i] * NODES for i in (k, j))
        mass = wide[k] * wide[j] * WEIGHTS @ law.two_point(y[:, None], z) @ WEIGHTS
        first, second = ((q[i] < x) & (x < q[i + 1]) for i in (k, j))
        pairs = first.sum(axis=1) * second.sum(axis=1)
        assert_mean(pairs, mass)
        try:
            assert_mean(pairs, n * (n - 1) * share[k] * share[j])
        except AssertionError:
            refused += 1
    assert refused > 0  # of independent eigenvalues with the same density
