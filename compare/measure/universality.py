"""GOE, GUE or Poisson? A test of measured spectra by the ratios of their consecutive spacings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import norm, t

from compare.measure.multiple import holm
from compare.measure.printing import with_error
from compare.measure.unfolding import mean_ratios, spectra_of
from dyson import CoulombGas
from streams import generator
from streams.arguments import positive

CLASSES = {"Poisson": 0, "GOE": 1, "GUE": 2}
"""Names and Dyson indices; 0: independent eigenvalues."""

REFERENCE = 4000
"""Simulated spectra behind a class's mean ratio and its spread."""

SEED = 0

MOST_LEVELS = 400
"""Reference spectra have at most so many eigenvalues; the ratios of longer ones no longer change with n."""


@dataclass(frozen=True)
class ClassTest:
    """One class of universality against the spectra.

    Attributes
    ----------
    expected, expected_se : float
        ⟨r⟩ of the class at this number of eigenvalues and window, and its Monte Carlo error.
    pvalue : float
        Two-sided, of a mean ratio as far from it.
    accepted : bool
        Not rejected at the confidence, by Holm's method over the classes.
    """

    expected: float
    expected_se: float
    pvalue: float
    accepted: bool


@dataclass(frozen=True)
class Universality:
    """What `universality` found.

    Attributes
    ----------
    ratio, ratio_se : float
        ⟨min(s, s')/max(s, s')⟩ and its standard error over replicas.
    classes : dict of str to ClassTest
    verdict : str
        The only class that is not rejected, "cannot tell" if several are not, "none of them".
    needed : int
        Replicas that would tell the classes that are left apart four times in five; 0 if none is needed.
    confidence : float
        The class that the spectra are of is rejected with probability 1 − confidence at most.
    """

    ratio: float
    ratio_se: float
    classes: dict[str, ClassTest]
    verdict: str
    needed: int
    confidence: float

    def __str__(self) -> str:
        lines = [f"mean ratio of spacings {with_error(self.ratio, self.ratio_se)}: {self.verdict}"]
        for name, found in self.classes.items():
            told = "not rejected" if found.accepted else "rejected"
            lines.append(f"  {name}: expected {found.expected:.4f}, p = {found.pvalue:.2g}, {told}")
        if self.needed:
            lines.append(f"  about {self.needed} replicas would tell")
        return "\n".join(lines)


def universality(spectra: Any, confidence: float = 0.99, window: float = 0.5) -> Universality:
    r"""Which class of universality the eigenvalues of an ensemble belong to, by ⟨min(s, s')/max(s, s')⟩.

    The ratio needs no unfolding (Oganesyan, Huse, Phys. Rev. B 75 (2007) 155111). Each class's expectation is
    that of its own Gaussian ensemble, or of independent eigenvalues, at the same number of them and window,
    simulated: what finite n and the edges do is in it. The measured mean is held against it with its error
    over replicas (Student's law); a single spectrum takes the class's own spread.

    Parameters
    ----------
    spectra : array_like, shape (eigenvalue,) or (replica, eigenvalue), or Dataset
        As for `compare.unfold`; independent spectra.
    confidence : float
        Between 0 and 1.
    window : float
        Share of the eigenvalues, in the middle, that is used.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or there are fewer than 8 eigenvalues a spectrum.
    """
    x = spectra_of(spectra)
    confidence = positive("confidence", confidence, below=1.0)
    ratio = mean_ratios(x, window)
    n, replicas = min(x.shape[1], MOST_LEVELS), len(ratio)
    mean = float(ratio.mean())
    found, spreads = {}, {}
    for name, beta in CLASSES.items():
        expected, spread = reference(n, beta, float(window))
        own = spread if replicas < 2 else float(ratio.std(ddof=1))
        error = math.hypot(own / math.sqrt(replicas), spread / math.sqrt(REFERENCE))
        score = abs(mean - expected) / error
        p = 2 * float(norm.sf(score) if replicas < 2 else t.sf(score, replicas - 1))
        found[name], spreads[name] = (expected, spread, p), spread
    adjusted = holm(np.array([p for _, _, p in found.values()]))
    classes = {
        name: ClassTest(expected, spread / math.sqrt(REFERENCE), p, bool(at_least > 1 - confidence))
        for (name, (expected, spread, p)), at_least in zip(found.items(), adjusted, strict=True)
    }
    left = [name for name in classes if classes[name].accepted]
    verdict = left[0] if len(left) == 1 else "cannot tell" if left else "none of them"
    se = float(ratio.std(ddof=1)) / math.sqrt(replicas) if replicas > 1 else math.nan
    return Universality(mean, se, classes, verdict, _needed(classes, spreads, left, confidence), confidence)


@lru_cache(maxsize=64)
def reference(n: int, beta: int, window: float) -> tuple[float, float]:
    """Mean over spectra of the mean ratio, and its standard deviation, of a class at n eigenvalues."""
    if beta == 0:
        spectra = generator(SEED, "universality reference").uniform(size=(REFERENCE, n))
    else:
        spectra = CoulombGas.gaussian(n, 1.0, beta).sample(REFERENCE, seed=SEED)
    ratio = mean_ratios(spectra, window)
    return float(ratio.mean()), float(ratio.std(ddof=1))


def _needed(classes, spreads, left: list[str], confidence: float) -> int:
    if len(left) < 2:
        return 0
    expected = sorted((classes[name].expected, spreads[name]) for name in left)
    quantile = norm.isf((1 - confidence) / 2 / len(classes)) + norm.isf(0.2)
    gaps = [
        (quantile * max(first[1], second[1]) / (second[0] - first[0])) ** 2
        for first, second in pairwise(expected)
    ]
    return math.ceil(max(gaps))
