"""The phase diagram: against single runs, exact observables, coordinates, what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

import sgd
from sgd.activation import reference as literal
from tests.sgd.teachers import activation_network

MODEL = activation_network(3, 5, 2, 2, eps=0.3)
NOISE_LEVELS, WIDTHS = [0.002, 0.05], [0.5, 1.0, 4.0]
NAMES = ("loss", "gradient_norm", "overlap")


def diagram(model=MODEL, noise_levels=NOISE_LEVELS, widths=WIDTHS, **options):
    settings = {"steps": 60, "replicas": 70, "seed": 3} | options
    return sgd.phase_diagram(model, noise_levels, widths, **settings)


def test_variables_dimensions_and_units():
    d = diagram()
    assert set(d.data_vars) == {*NAMES, *(f"{name}_se" for name in NAMES), "diverged"}
    for v in d.data_vars.values():
        assert v.dims == ("noise_level", "inverse_width") and v.shape == (2, 3)
    for v in d.variables.values():
        assert v.attrs["units"] == "1" and v.attrs["long_name"]
    assert d.noise_level.values.tolist() == NOISE_LEVELS and d.inverse_width.values.tolist() == WIDTHS
    assert (d.diverged == 0).all() and (d.loss > 0).all() and (abs(d.overlap) <= 1).all()
    assert all((d[f"{name}_se"] > 0).all() for name in NAMES)
    assert json.loads(d.attrs["parameters"]) == MODEL.parameters()
    assert {k: d.attrs[k] for k in ("seed", "steps", "replicas", "batch_size")} == {
        "seed": "3", "steps": 60, "replicas": 70, "batch_size": 4,
    }  # fmt: skip


def test_the_same_bits_for_any_workers_and_any_grid_around_a_point():
    d = diagram()
    assert d.identical(diagram(workers=2))
    part = diagram(noise_levels=NOISE_LEVELS[1:], widths=[WIDTHS[0], 3.0])
    for name in d.data_vars:
        assert part[name][0, 0] == d[name][1, 0]
    assert not d.loss.equals(diagram(seed=4).loss)


def test_points_do_not_share_random_numbers():
    """Without a step of any size the losses are those of the first weights, which differ between points."""
    d = diagram(noise_levels=[1e-12, 2e-12], widths=[1.0], steps=1)
    assert d.loss[0, 0] != d.loss[1, 0]


def test_a_point_is_the_mean_over_an_ensemble_of_train():
    """Another seed, other test inputs: means agree within errors; of a wrong width or learning rate not."""
    model, replicas, steps = activation_network(3, 5, 2, 2), 1000, 30
    d = diagram(model, [0.02], [2.0], replicas=replicas, steps=steps, batch_size=5)
    rng = np.random.default_rng(8)

    def others(width, learning_rate=0.02 * 5):
        run = sgd.train(
            model, learning_rate, 5, steps, replicas, 77, [steps], 1 / (width * np.sqrt(5)), keep_weights=True
        )
        w, x = run.weight.values[:, 0], rng.normal(size=(1, 6000, 2))
        still = np.zeros((1, 1, 2))
        overlap = np.einsum("rij,ij->r", w, model.teacher) / np.linalg.norm(w, axis=(1, 2))
        return {
            "loss": literal.loss(model, w, x, still),
            "gradient_norm": np.linalg.norm(literal.gradient(model, w, x, still), axis=(1, 2)),
            "overlap": overlap / np.linalg.norm(model.teacher),
        }

    right, wide, slow = others(2.0), others(1.7), others(2.0, 0.08)
    for name in NAMES:
        value, error = d[name].item(), d[f"{name}_se"].item()
        # 2048 test inputs, common to all replicas: not in the standard error
        tested = 0.0 if name == "overlap" else 0.03 * value
        difference = abs(right[name].mean() - value)
        assert difference < 5 * np.hypot(error, right[name].std() / np.sqrt(replicas)) + tested
        assert error == pytest.approx(right[name].std() / np.sqrt(replicas), rel=0.15)
    assert all(abs(wrong["loss"].mean() / d.loss.item() - 1) > 0.1 for wrong in (wide, slow))


def test_first_weights_have_the_width_of_the_point():
    """Identity, α → 0: ⟨loss⟩ = ½ tr[Z (σ_W² tr(M Mᵀ)/L 1 + W_t M Mᵀ W_tᵀ) Zᵀ] + ε² n_out/2."""
    model = activation_network(3, 5, 2, 2, activation="identity", eps=0.3)
    z, m, wt = model.output, model.inputs, model.teacher
    for inverse_width in (0.5, 2.0):
        d = diagram(model, [1e-13], [inverse_width], steps=1, replicas=6000)
        spread = inverse_width**-2 / 5 * np.trace(m @ m.T) * np.trace(z @ z.T)
        exact = 0.5 * (spread + np.trace(z @ wt @ m @ m.T @ wt.T @ z.T)) + 0.3**2
        value, error = d.loss.item(), d.loss_se.item()
        assert abs(value - exact) < 5 * error + 0.03 * exact
        assert abs(d.overlap.item()) < 5 * d.overlap_se.item()


def test_the_teacher_has_overlap_one_and_noise_only():
    from sgd.phase import _summaries, _test_inputs

    w = MODEL.teacher[None].repeat(3, axis=0)
    loss, slope, overlap, *errors = _summaries(MODEL, w, _test_inputs(MODEL))
    assert (loss, slope, overlap) == pytest.approx((0.3**2, 0.0, 1.0), abs=1e-12)
    assert errors == pytest.approx([0.0, 0.0, 0.0], abs=1e-12)
    assert np.isnan(_summaries(MODEL, w[:1], _test_inputs(MODEL))[3:]).all()


def test_diverged_replicas_are_counted_and_left_out():
    model = activation_network(3, 4, 2, 1, activation="identity", seed=1)
    top = model.largest_learning_rate() / 2
    d = diagram(model, [0.05 * top, 1.05 * top, 20 * top], [1.0], batch_size=2, steps=4000)
    fraction = d.diverged.values[:, 0]
    assert fraction[0] == 0 and 0.2 < fraction[1] < 0.98 and fraction[2] == 1
    for name in d.data_vars:
        assert np.isnan(d[name].values[2, 0]) == (name != "diverged")
        assert np.isfinite(d[name].values[:2, 0]).all()


def test_learning_rates_beyond_the_bound_are_trained():
    assert MODEL.largest_learning_rate() < 4 * 20.0
    assert np.isfinite(diagram(noise_levels=[20.0]).loss).all()


def test_cost_grows_with_the_work():
    cost = sgd.phase_cost(MODEL, 100, 64, 10_000)
    assert cost > 0
    assert sgd.phase_cost(MODEL, 100, 640, 100_000) > 10 * cost  # 100 times the work


BAD = [
    ({"model": 1}, "model must be an ActivationNetwork, got int"),
    ({"noise_levels": []}, "noise_levels must be 1-D and not empty"),
    ({"noise_levels": [0.0, 1.0]}, "noise_levels must be > 0 and increasing"),
    ({"widths": [2.0, 1.0]}, "inverse_widths must be > 0 and increasing"),
    ({"widths": "wide"}, "inverse_widths must be an array of real numbers"),
    ({"steps": 0}, "steps must be >= 1"),
    ({"replicas": 1.5}, "replicas must be a whole number"),
    ({"seed": -1}, "seed must be >= 0"),
    ({"batch_size": 10**8}, "GiB a block"),
]


@pytest.mark.parametrize(("bad", "message"), BAD)
def test_what_is_refused(bad, message):
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        diagram(**bad)
    assert "\n" not in str(caught.value)


def test_what_the_estimate_refuses():
    with pytest.raises(ValueError, match="points must be >= 1"):
        sgd.phase_cost(MODEL, 0, 64, 100)
    with pytest.raises(TypeError, match="ActivationNetwork"):
        sgd.phase_cost(sgd.LinearNetwork(np.eye(2)), 1, 64, 100)
