"""A model that the package does not know, with its trainer, in plain NumPy: softmax regression."""

from __future__ import annotations

import numpy as np

from sgd.spectra import gram_spectra


class Softmax:
    """p(class|x) ∝ exp(W x)_class, trained on a data set by the loss −log p(label|x).

    Adding one row to all rows of W changes no probability, and no gradient points there: from W = 0 on,
    training leads to the one minimum whose rows sum to zero.
    """

    name, matrix, diverged = "softmax_regression", "WᵀW", "a weight is not finite"

    def __init__(self, x, label, classes):
        self.x, self.y = np.asarray(x, dtype=float), np.eye(classes)[label]
        self.shapes, self.modes = ((classes, self.x.shape[1]),), self.x.shape[1]

    @property
    def target_spectrum(self):
        return self.spectra(self.fixed_point()[0][None])[0]

    def parameters(self):
        return {"x": self.x.tolist(), "label": self.y.argmax(axis=1).tolist()}

    def largest_learning_rate(self, weight_decay=0.0):
        """2 over a bound on the Hessian: p (1 − p) has no eigenvalue above ½."""
        return 2.0 / (0.5 * np.linalg.eigvalsh(self.x.T @ self.x / len(self.x))[-1] + weight_decay)

    def check_optimiser(self, optimiser):
        bound = self.largest_learning_rate(optimiser.weight_decay)
        if optimiser.learning_rate >= bound:
            raise ValueError(f"learning_rate must be below {bound:g}, got {optimiser.learning_rate:g}")

    def observed(self, layers):
        return layers[0]

    def spectra(self, weights):
        return gram_spectra(weights)

    def fixed_point(self, weight_decay=0.0):
        w, step = np.zeros(self.shapes[0]), 0.5 * self.largest_learning_rate(weight_decay)
        for _ in range(3000):
            w = w - step * (self.mean_gradient(w) + weight_decay * w)
        return (w,)

    def mean_gradient(self, w):
        return self.sample_gradients(w[None], self.x[None], self.y[None]).mean(axis=1)[0]

    def sample_gradients(self, weights, x, y):
        """Gradient of every sample (replica, sample, class, n) at W (replica, class, n)."""
        p = np.exp(x @ weights.swapaxes(-1, -2))
        return (p / p.sum(axis=-1, keepdims=True) - y)[..., :, None] * x[..., None, :]

    def gradients(self, weights, samples, rng, updates):
        chosen = rng.integers(len(self.x), size=samples)
        return self.sample_gradients(weights[None], self.x[None, chosen], self.y[None, chosen])[0]

    def trainer(self, optimiser, seed):
        return SoftmaxTrainer(self, optimiser)


class SoftmaxTrainer:
    """Mini-batches drawn with replacement; every replica has a generator of its own."""

    def __init__(self, model, optimiser):
        self.model, self.optimiser = model, optimiser

    def block(self, state, layers):
        w = layers[0]
        draws = [np.random.default_rng(entropy) for entropy in state.T[: len(w)]]
        return {"w": w, "v": np.zeros_like(w), "draws": draws, "failed": np.full(len(w), -1)}

    def advance(self, block, first, last):
        model, size = self.model, self.optimiser.batch_size
        for step in range(first, last):
            block["failed"][(block["failed"] < 0) & ~self.finite(block)] = step
            chosen = np.array([rng.integers(len(model.x), size=size) for rng in block["draws"]])
            gradient = model.sample_gradients(block["w"], model.x[chosen], model.y[chosen]).mean(axis=1)
            block["w"], block["v"] = self.optimiser.step(block["w"], block["v"], gradient)

    def finite(self, block):
        return np.isfinite(block["w"]).all(axis=(1, 2))

    def layers(self, block):
        return (block["w"],)

    def failed(self, block, steps):
        return np.where((block["failed"] < 0) & ~self.finite(block), steps, block["failed"])
