"""What a user writes down: samples, noise and the matrix SDE's name of each parameter's kind."""

from __future__ import annotations

from dataclasses import dataclass

from streams.arguments import choice, flag, shown

SPACES = ("column", "row", "matrix")
KINDS = ("scalar", "real", "fraction", "integer", "column", "row", "mode")
SCALAR_KINDS = ("scalar", "real", "fraction")
MODE_KINDS = ("column", "row", "mode")
SPECTRA = ("gram", "symmetric", "singular")


@dataclass(frozen=True)
class Gaussian:
    r"""A Gaussian sample of mean zero, drawn anew for each element of the mini-batch.

    Parameters
    ----------
    space : {"column", "row", "matrix"}
        A vector of inputs, R^N; of outputs, R^M; or an M × N matrix of independent entries.
    covariance : str
        Expression of the covariance, diagonal where W is, such as ``"inv(kappa)"``. It may contain W: the
        gradient does not differentiate it (samples of the model itself).
    average : {"sampled", "exact"}
        "exact": the average over it is carried out, it causes no noise.
    chain : str, optional
        What an update leaves of it, an expression like the covariance: a persistent chain.
    start : (str, str), optional
        Name of the sample it is made from, and P in ⟨ψ φᵀ⟩ = P ⟨φ φᵀ⟩ (contrastive divergence).
    """

    space: str = "column"
    covariance: str = "1"
    average: str = "sampled"
    chain: str | None = None
    start: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        choice("space", self.space, SPACES)
        choice("average", self.average, ("sampled", "exact"))
        _texts({"covariance": self.covariance, "chain": self.chain or "0"})
        if self.start is not None:
            if not isinstance(self.start, tuple) or len(self.start) != 2:
                raise TypeError(f"start must be (name of a sample, expression), got {shown(self.start)}")
            _texts({"start": self.start[0], "the expression of start": self.start[1]})


@dataclass(frozen=True)
class Noise:
    r"""Gradient noise given by its covariance instead of by samples (a Kronecker product):

        Cov(dM_ab, dM_cd) = R_ac C_bd dt      (symmetric: + R_ad C_bc)

    Parameters
    ----------
    row, column : str
        Expressions of R, M × M, and C, N × N, diagonal where W is.
    symmetric : bool
        The noise matrix is symmetric (Hermitian for β = 2), diagonal entries with twice the variance.
    """

    row: str = "1"
    column: str = "1"
    symmetric: bool = False

    def __post_init__(self) -> None:
        _texts({"row": self.row, "column": self.column})
        flag("symmetric", self.symmetric)


def _texts(values: dict) -> None:
    for name, value in values.items():
        if not isinstance(value, str):
            raise TypeError(f"{name} must be an expression, a string, got {shown(value)}")
