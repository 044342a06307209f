"""Species of a theory: modes of equal width."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dyson import LinearSGD, Species, models, species


def test_rows_of_a_linear_network():
    law = LinearSGD(
        np.eye(3), output=np.diag([0.5, 1.0, 0.5]), noise="isotropic", eps=0.2, data="exact",
        learning_rate=0.1, batch_size=10, continuous=True,
    )  # fmt: skip
    wide, narrow = species(law)  # rows of `basis`, by descending z²
    assert wide.members == (1, 2) and narrow.members == (0,)
    assert np.isclose(wide.width, np.sqrt(0.01 * 0.04 / (2 * 0.25)))
    assert np.isclose(wide.rate, 0.25) and np.isclose(narrow.noise, np.sqrt(0.01 * 0.04 / 2))
    assert str(wide) == "width 0.02828: 1, 2 (rate 0.25, noise 0.01414)"


def test_label_noise_has_one_species_and_unlearnt_rows_do_not_move():
    kw = dict(teacher=np.eye(2), noise="label", eps=0.2, learning_rate=0.1, batch_size=10, continuous=True)
    assert len(species(LinearSGD(**kw, data="exact", output=np.diag([1.0, 0.3])))) == 1
    moving, still = species(LinearSGD(**kw, output=np.array([[1.0, 0.0]]), allow_unlearnt=True))
    assert moving.members == (0,) and still == Species(0.0, (1,), 0.0, 0.0)
    assert str(still) == "does not move: 1"


def test_modes_of_an_eigenvalue_sde():
    sde = models.matrix_ou(4, rate=2.0, center=0.0, noise=0.3)
    (one,) = species(sde)
    assert one.members == (0, 1, 2, 3)
    assert np.isclose(one.width, 0.3 / np.sqrt(2)) and np.isclose(one.noise, 0.3)
    two = replace(sde, rate=np.array([1.0, 2.0, 4.0, 1.0]), g2=np.array([1.0, 2.0, 1.0, 1.0005]))
    found = species(two)
    assert [s.members for s in found] == [(0, 1, 3), (2,)]
    assert [s.members for s in species(two, tolerance=1e-5)] == [(3,), (0, 1), (2,)]


def test_refused():
    sde = models.matrix_ou(2, rate=2.0, center=0.0, noise=0.3)
    with pytest.raises(ValueError, match=r"modes 1 of .* do not relax"):
        species(replace(sde, rate=np.array([1.0, 0.0])))
    with pytest.raises(TypeError, match="must be an EigenvalueSDE or a LinearSGD, got 3"):
        species(3)
    with pytest.raises(ValueError, match="tolerance"):
        species(sde, tolerance=-1.0)
