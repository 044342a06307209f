"""Networks side by side in one run: python tests/benchmarks/bench_networks.py [--steps 2000]

Prints replica·steps a second of one core, and what a plain NumPy loop over one model at a time reaches of
it. Costs are CPU seconds of the process, the least of interleaved runs: other load counts little.
"""

from __future__ import annotations

import argparse

from bench_sgd import side_by_side  # first: it keeps BLAS to one thread

# isort: split
import numpy as np

import sgd

REPLICAS = 256


def compiled(model, rate, batch, steps):
    return lambda: sgd.train(model, rate, batch, steps, REPLICAS, seed=1, record=[steps])


# --- networks with activations: y = Z φ(W_t φ(M x)), K = 16, L = 32, 3 inputs, 1 output ------------------


def activation_loop(activation, batch, steps, rate):
    """A literal loop: forward, backward, update of one model, |B| fresh samples a step."""
    model = sgd.ActivationNetwork.random(activation=activation)
    m, z, teacher = model.inputs, model.output, model.teacher
    apply = {"tanh": np.tanh, "identity": lambda a: a}[activation]
    slope = {"tanh": lambda a: 1.0 - a * a, "identity": lambda a: 1.0}[activation]

    def run():
        rng = np.random.default_rng(1)
        w = 0.1 * rng.standard_normal(teacher.shape)
        for _ in range(steps):
            x = rng.standard_normal((batch, m.shape[1]))
            features = apply(x @ m.T)
            y = apply(features @ teacher.T) @ z.T
            hidden = apply(features @ w.T)
            error = hidden @ z.T - y
            delta = (error @ z) * slope(hidden)
            w -= rate / batch * delta.T @ features
        return w

    return run


def activation_settings(steps):
    """Title and runs of each student."""
    few = max(1, steps // 2)
    for activation, batch in (("tanh", 4), ("identity", 4), ("identity", 64)):
        model, rate = sgd.ActivationNetwork.random(activation=activation), 0.01
        model.largest_learning_rate()  # found once a model, not a part of training
        runs = {
            f"compiled, {REPLICAS} replicas": (compiled(model, rate, batch, steps), REPLICAS * steps),
            "plain NumPy, one model at a time": (activation_loop(activation, batch, few, rate), few),
        }
        yield f"{activation}, |B| = {batch}", runs


# --- linear networks: 2 × 2 teacher and student, symmetric noise, |B| = 16 ------------------------------


def teacher_student_loop(batch, steps, rate, eps=0.1):
    """A literal loop, as in the published model: |B| samples and |B| symmetric noise matrices a step."""

    def run():
        rng = np.random.default_rng(1)
        teacher, w = 2.0 * np.eye(2), 0.1 * rng.standard_normal((2, 2))
        for _ in range(steps):
            x = rng.standard_normal((batch, 2))
            noise = eps * rng.standard_normal((batch, 2, 2))
            noise = (noise + noise.transpose(0, 2, 1)) / np.sqrt(2.0)
            error = x @ (teacher - w).T
            w += rate * (error.T @ x / batch + noise.mean(axis=0))
        return w

    return run


def deep_loop(widths, batch, steps, rate):
    """Back-propagation through layers of these widths, one model."""

    def run():
        rng = np.random.default_rng(1)
        layers = [0.1 * rng.standard_normal(pair) for pair in zip(widths[1:], widths[:-1], strict=True)]
        teacher = np.eye(widths[-1], widths[0])
        for _ in range(steps):
            activity = [rng.standard_normal((batch, widths[0]))]
            for w in layers:
                activity.append(activity[-1] @ w.T)
            back = activity[-1] - activity[0] @ teacher.T
            for number in range(len(layers) - 1, -1, -1):
                slope = back.T @ activity[number]
                back = back @ layers[number]
                layers[number] -= rate / batch * slope
        return layers

    return run


def linear_settings(steps):
    """Title and runs of each network."""
    few = max(1, steps // 2)
    plain = sgd.LinearNetwork(2.0 * np.eye(2), noise="symmetric", eps=0.1, spectrum="symmetric")
    for batch in (16, 256):
        yield (
            f"2 × 2 teacher and student, |B| = {batch}",
            {
                f"compiled, {REPLICAS} replicas": (
                    compiled(plain, 0.1, batch, 10 * steps),
                    10 * REPLICAS * steps,
                ),
                "plain NumPy, one model at a time": (teacher_student_loop(batch, few, 0.1), few),
            },
        )
    deep = sgd.LinearNetwork(np.eye(10), hidden=(10, 10))
    yield (
        "three layers of 10 × 10, |B| = 16",
        {
            f"compiled, {REPLICAS} replicas": (compiled(deep, 0.01, 16, steps), REPLICAS * steps),
            "plain NumPy, one model at a time": (deep_loop((10, 10, 10, 10), 16, few, 0.01), few),
        },
    )


SECTIONS = {
    "linear networks": linear_settings,
    "network with activations, K = 16, L = 32, 3 inputs, 1 output": activation_settings,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print("replica·steps per second of one core, and how many times slower than ours")
    for section, settings in SECTIONS.items():
        print(f"\n{section}")
        for title, runs in settings(options.steps):
            print(title)
            speeds = side_by_side(runs, options.repeats)
            first = next(iter(speeds.values()))
            for name, speed in speeds.items():
                print(f"  {name:34s} {speed:12,.0f} {first / speed:8.1f}×")


if __name__ == "__main__":
    main()
