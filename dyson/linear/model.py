"""SGD of a linear network, one trained layer: its law in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from dyson.dataset import network_dataset
from dyson.linear.arguments import check_times
from dyson.linear.basis import noise_pairs
from dyson.linear.batches import batch_blocks
from dyson.linear.definition import LinearStep
from dyson.linear.law import Law
from dyson.linear.moments import Blocks
from dyson.linear.sampling import Sampler
from dyson.linear.start import Start, dense_start, read_start, state_mean
from streams import blocks, new_entropy
from streams.arguments import count, flag


@dataclass(frozen=True, eq=False, kw_only=True)
class LinearSGD(LinearStep):
    r"""Law of W under SGD of ŷ = Z W x on y = Z A x, x ~ N(0, C): level of theory "matrix".

    One step is v ← m v − α (g + λ W), W ← W + v, with

        g = −ZᵀZ (A − W) S_B − noise,

    S_B the mean of x xᵀ over the mini-batch, or C; the noise is averaged over the batch. In the eigenbases
    of ZᵀZ and C the entries of ⟨W⟩ decouple, and covariances obey a linear recursion. Mini-batches make noise
    proportional to W − A, whose second moments close by Wick's theorem:

        Cov(G_ab, G_cd) = z_a² z_c²/|B| [ (Σ_m c_m u_am u_cm) c_b δ_bd + c_b c_d u_ad u_cb ],   u = W − A.

    With data "exact" the law of W is Gaussian and everything is exact at any α. With data "batch" mean and
    covariance are exact, and the law is taken to be Gaussian.

    Parameters
    ----------
    teacher : array_like, shape (M, N)
        A.
    output : array_like, shape (K, M), optional
        Z; by default the identity.
    covariance : array_like, shape (N, N), optional
        C of the inputs, symmetric, positive semi-definite; by default the identity.
    noise : {"none", "label", "isotropic", "symmetric"} or array_like, shape (M, N, M, N)
        "label": ε Zᵀη xᵀ, of covariance ε² ZᵀZ ⊗ C; "isotropic": N(0, ε²) on every entry; "symmetric": GOE
        noise, standard deviation ε off and √2 ε on the diagonal, W square. Or the covariance of one sample's
        gradient noise, as measured; it adds to what mini-batches make of W − A.
    eps : float
        ε > 0; 0 for noise "none" or measured.
    data : {"batch", "exact"}
        S_B of \|B\| fresh samples, or its mean C.
    learning_rate, batch_size : float, int
        α and \|B\|.
    momentum, weight_decay : float
        0 <= m < 1 and λ >= 0. Time is t = α n/(1 − m).
    symmetric : bool
        Gradient projected, g → (g + gᵀ)/2, for one symmetric W without Z, data "exact".
    spectrum : {"gram", "symmetric"}
        What is sampled: eigenvalues of WᵀW, or of (W + Wᵀ)/2.
    continuous : bool
        The SDE limit at T = α/\|B\| instead, dδ = −k δ dt + √(T/(1 − m)) dM.
    allow_unlearnt : bool
        Accept Z with null directions, in which W does not learn.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described; Z is singular; the learning rate is beyond
        `largest_learning_rate`, or so large that noise of mini-batches feeds itself: one line with the bound.
    """

    @cached_property
    def _law(self) -> Law:
        basis = self._basis
        Law.check_size(self.teacher.size**2, "covariances of W")
        pairs = noise_pairs(basis, self.noise, self.eps, self.symmetric)
        if self.data == "batch":
            coupled = batch_blocks(basis, pairs)
        else:
            coupled = [Blocks(pairs.first[:, None], pairs.second[:, None], pairs.values[:, None])]
        fixed = basis.inside(self.fixed_point).ravel()
        offset = fixed - basis.inside(self.teacher).ravel()
        return Law(basis, self._flow(self.learning_rate), coupled, fixed, offset)

    def mean(self, times, initial=0.1) -> np.ndarray:
        """⟨W⟩ at times t, shape (time, M, N).

        Parameters
        ----------
        times : array_like, shape (time,)
            Increasing, >= 0; whole steps t = α n/(1 − m) unless continuous.
        initial : float, "fixed-point", "stationary" or array_like, shape (M, N) or (replica, M, N)
            Width s of independent entries N(0, s²) (symmetric: their symmetric part); the fixed point; the
            stationary law; or weights, of which the mean is taken. No momentum yet.
        """
        spans, _ = self._spans(times)
        start = read_start(initial, self.fixed_point, self.symmetric)
        law = self._law
        delta = law.mean(state_mean(start, law), spans)[:, :, 0]
        return self._basis.outside((delta + law.fixed).reshape(-1, *self.teacher.shape))

    def weight_covariance(self, times, initial=0.1) -> np.ndarray:
        """Covariance of the entries of W at times t, shape (time, M, N, M, N).

        Parameters
        ----------
        times, initial
            As in `mean`; the spread of several given weights is part of the covariance.
        """
        spans, _ = self._spans(times)
        start = read_start(initial, self.fixed_point, self.symmetric)
        law = self._law
        law.check_size(len(spans) * self.teacher.size**2, "covariances of W")
        if start.stationary:
            return np.repeat(self.stationary()[1][None], len(spans), axis=0)
        first = dense_start(start, law, self.symmetric)
        if not law.additive:
            values, _ = law.evolve(state_mean(start, law), law.pairs(first), spans)
            return np.stack([law.dense(v) for v in values])
        # What the start leaves is apart from what noise adds: entries may be correlated by the start only.
        zero = np.zeros((law.first.size, law.flow.k, law.flow.k))
        values, _ = law.evolve(state_mean(start, law), zero, spans)
        ends = np.cumsum(spans)
        keep = [law.flow.after(end)[:, 0, 0] for end in ends]
        return np.stack([law.dense(v, f[:, None] * first * f) for v, f in zip(values, keep, strict=True)])

    def stationary(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean (M, N) and covariance (M, N, M, N) of W at stationarity, by the Lyapunov equation.

        Raises
        ------
        ValueError
            If noise moves W in directions in which nothing pulls it back.
        """
        return self.fixed_point, self._law.dense(self._settled)

    @cached_property
    def _settled(self) -> np.ndarray:
        law = self._law
        loose = np.flatnonzero(law.flow.still)
        same = law.first == law.second
        source = np.concatenate([b.source.ravel() for b in law.blocks])
        moved = np.zeros(law.fixed.size)
        moved[law.first[same]] = source[same]
        wandering = int((moved[loose] > 0).sum())
        if wandering:
            raise ValueError(
                f"W has no stationary law: noise moves it in {wandering} directions in which it does not "
                "learn; use weight_decay > 0, or an output and covariance of full rank"
            )
        return law.stationary()

    @property
    def widths(self) -> np.ndarray:
        """Stationary standard deviations of the entries of RᵀWQ, shape (M, N), R and Q as in `basis`."""
        law, variance = self._law, np.zeros(self.teacher.size)
        same = law.first == law.second
        variance[law.first[same]] = self._settled[same, 0, 0]
        return np.sqrt(np.maximum(variance, 0.0)).reshape(self.teacher.shape)

    def sample(
        self, times, replicas: int, seed: int | None = None, initial=0.1, keep_weights: bool = False
    ) -> xr.Dataset:
        """Spectra at times t from the joint law of W at these times; no time step.

        W is Gaussian and Markov. Replica r depends on (seed, r) only, whatever the number of replicas. With
        data "batch" and several given weights, noise has the covariance averaged over these weights.

        Parameters
        ----------
        times, initial
            As in `mean`; given weights (replica, M, N) are those of each replica.
        replicas : int
        seed : int, optional
            Non-negative; fresh by default. In the result's attributes.
        keep_weights : bool
            Also return ``weight``.

        Returns
        -------
        Dataset
            ``eigenvalue`` (replica, time, mode), descending, and ``diverged`` (replica), NaN throughout;
            level "matrix" (docs/schema.md).

        Raises
        ------
        TypeError, ValueError
            If an argument is not as described, or too many numbers are asked for.
        """
        spans, recorded = self._spans(times)
        replicas, keep = count("replicas", replicas), flag("keep_weights", keep_weights)
        seed = new_entropy() if seed is None else count("seed", seed, 0)
        start = read_start(initial, self.fixed_point, self.symmetric, replicas)
        law = self._law
        numbers = self.teacher.size if keep else len(self.target)
        law.check_size(replicas * len(spans) * numbers, "weights" if keep else "spectra")
        sampler = Sampler(law, start, state_mean(start, law), self._pairs(start), spans, seed, self.symmetric)
        parts = [sampler.block(b, replicas, self._spectra, keep) for b in range(blocks(replicas))]
        x = np.concatenate([values for values, _ in parts])
        w = np.concatenate([weights for _, weights in parts]) if keep else None
        step = None if self.continuous else np.cumsum(spans)
        exact = "exact in mean and covariance, taken Gaussian" if self.data == "batch" else "exact"
        return network_dataset(self, recorded, step, x, w, seed=str(seed), law=exact)

    def _pairs(self, start: Start) -> np.ndarray:
        """Covariance at the start of the pairs that the law lists."""
        if start.stationary:
            return self._settled
        return self._law.pairs(dense_start(start, self._law, self.symmetric))

    def _spans(self, times) -> tuple[np.ndarray, np.ndarray]:
        """Steps, or time, from record to record, and the times."""
        return check_times(times, None if self.continuous else self.time_step)
