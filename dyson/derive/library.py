"""Ready-made matrix SDEs: the losses and noises of the field, written down; everything else is derived.

Each function returns a `MatrixSDE`; parameter values are given to ``bind``, and ``dyson.models`` offers the
commonest of them bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from dyson.derive.matrix_sde import MatrixSDE, matrix_sde
from dyson.derive.specification import Gaussian, Noise
from streams.arguments import choice, count, flag

MODEL_AVERAGES = ("independent", "persistent", "contrastive", "exact")
DATA = ("exact", "batch")
NOISES = ("label", "isotropic", "minibatch", "minibatch-label")


def rbm(
    model_average: str = "independent",
    data: str = "exact",
    weight_decay: bool = False,
    trained_mu2: bool = False,
    memory_drift: bool = False,
) -> MatrixSDE:
    r"""Gaussian restricted Boltzmann machine: per-sample loss with K = μ² - σ_h² WᵀW,

        ℓ = ½ φᵀKφ - ½ ψᵀKψ,   φ ~ data of precision diag(κ),   ψ ~ the model itself.

    Parameters of ``bind``: ``mu2``, ``s2`` = σ_h², ``kappa`` per column; ``k``, Gibbs sweeps per update, for
    persistent and contrastive averages; ``decay`` with weight decay.

    Parameters
    ----------
    model_average : {"independent", "persistent", "contrastive", "exact"}
        How ⟨ψψᵀ⟩ is estimated: independent samples, persistent chains (their memory widens the noise),
        chains started at the data, or the exact average.
    data : {"exact", "batch"}
        Exact covariance of the data, or a mini-batch.
    weight_decay, trained_mu2 : bool
        Add ½ decay Tr WᵀW; train μ² as well.
    memory_drift : bool
        Persistent chains: with the drift that the chains' lag behind the weights induces.
    """
    choice("model_average", model_average, MODEL_AVERAGES)
    choice("data", data, DATA)
    for name, value in (("weight_decay", weight_decay), ("trained_mu2", trained_mu2)):
        flag(name, value)
    flag("memory_drift", memory_drift)
    chain = "(s2*W.T*W/mu2)**k"
    model = Gaussian("column", "inv(K)")
    if model_average == "persistent":
        model = Gaussian("column", "inv(K)", chain=chain)
    elif model_average == "exact":
        model = Gaussian("column", "inv(K)", average="exact")
    elif model_average == "contrastive":
        covariance = f"({chain})**2*inv(kappa) + inv(K)*(1 - ({chain})**2)"
        model = Gaussian("column", covariance, start=("phi", chain))
    exact = data == "exact"
    positive = "Tr(K*inv(kappa))/2" if exact else "phi.T*K*phi/2"
    samples = {"psi": model}
    if not exact or model_average == "contrastive":
        samples = {"phi": Gaussian("column", "inv(kappa)"), **samples}
    parameters = {"mu2": "scalar", "s2": "scalar", "kappa": "column"}
    if model_average in ("persistent", "contrastive"):
        parameters["k"] = "integer"
    decay = ""
    if weight_decay:
        parameters["decay"] = "scalar"
        decay = " + decay*Tr(W.T*W)/2"
    return matrix_sde(
        loss=f"{positive} - psi.T*K*psi/2{decay}",
        samples=samples,
        parameters=parameters,
        definitions={"K": "mu2 - s2*W.T*W"},
        trained=("mu2",) if trained_mu2 else (),
        memory_drift=memory_drift,
        name="gaussian_rbm",
    )


def linear_network(noise: str = "isotropic", output: bool = True, coloured: bool = False) -> MatrixSDE:
    r"""Linear network ŷ = Z W v with a teacher W_t: ℓ = ½ |Z (W - W_t) v|², Z and W_t diagonal with W.

    Parameters of ``bind``: ``teacher`` per mode, ``Z`` per row, ``eps`` (not for "minibatch"), ``lam`` per
    column where the input's covariance is ``coloured``.

    Parameters
    ----------
    noise : {"label", "isotropic", "minibatch", "minibatch-label"}
        Label noise ε on the exact mean, isotropic gradient noise ε, the noise of mini-batches of inputs, or
        mini-batches with label noise ε.
    output : bool
        With Z; without it, linear regression ŷ = W v.
    coloured : bool
        Input covariance diag(lam) instead of 1.
    """
    choice("noise", noise, NOISES)
    z = "Z*" if output else ""
    inputs = "lam" if coloured else "1"
    sampled = noise.startswith("minibatch")
    error = f"{z}(W - teacher)*v" + (" - y" if noise == "minibatch-label" else "")
    samples = {"v": Gaussian("column", inputs, average="sampled" if sampled else "exact")}
    if noise == "minibatch-label":
        samples["y"] = Gaussian("row", "eps**2")
    given: tuple[Noise, ...] = ()
    if noise == "label":
        given = (Noise("eps**2*Z.T*Z" if output else "eps**2", inputs),)
    elif noise == "isotropic":
        given = (Noise("eps**2"),)
    parameters = {"teacher": "mode"}
    parameters |= {"Z": "row"} if output else {}
    parameters |= {"eps": "scalar"} if noise != "minibatch" else {}
    parameters |= {"lam": "column"} if coloured else {}
    return matrix_sde(
        loss=f"({error}).T*({error})/2",
        samples=samples,
        parameters=parameters,
        noise=given,
        name="linear_network" if output else "linear_regression",
    )


def symmetric_regression() -> MatrixSDE:
    """Symmetric W relaxing to a teacher under symmetric noise: ℓ = ½ Tr (W - W_t)², eigenvalues of W.

    Parameters of ``bind``: ``teacher`` per mode, ``eps``: standard deviation of the noise's off-diagonal
    entries, √2 of which is that of its diagonal ones.
    """
    return matrix_sde(
        loss="Tr((W - teacher)**2)/2",
        parameters={"teacher": "mode", "eps": "scalar"},
        noise=Noise("eps**2", symmetric=True),
        spectrum="symmetric",
        name="symmetric_regression",
    )


def deep_linear(layers: int = 2, noise: str = "minibatch-label") -> MatrixSDE:
    r"""Deep linear network ŷ = W_L ... W_1 v of aligned, balanced layers: eigenvalues of PᵀP, P the product.

    The layers share singular vectors and have equal singular values x_i^(1/2L), as small initialisation
    makes them. Parameters of ``bind``: ``teacher`` per mode, ``eps`` (not for "minibatch").

    Parameters
    ----------
    layers : int
        L >= 1.
    noise : {"minibatch", "minibatch-label", "label", "isotropic"}
        As in `linear_network`; "isotropic" is independent noise ε in every layer.
    """
    choice("noise", noise, NOISES)
    if count("layers", layers) > 8:
        raise ValueError(f"layers must be <= 8, got {layers}")
    weights = tuple(f"W{layer + 1}" for layer in range(layers))
    product = "*".join(reversed(weights))
    sampled = noise.startswith("minibatch")
    error = f"({product} - teacher)*v" + (" - y" if noise == "minibatch-label" else "")
    loss = f"({error}).T*({error})/2"
    samples = {"v": Gaussian("column", average="sampled" if sampled else "exact")}
    if noise in ("minibatch-label", "label"):
        samples["y"] = Gaussian("row", "eps**2")
    if noise == "label":  # the mean is exact, only -yᵀPu fluctuates
        samples["u"] = Gaussian("column")
        loss += f" - y.T*{product}*u"
    return matrix_sde(
        loss=loss,
        samples=samples,
        parameters={"teacher": "mode", **({} if noise == "minibatch" else {"eps": "scalar"})},
        noise=Noise("eps**2") if noise == "isotropic" else (),
        weights=weights,
        observable=product if layers > 1 else None,
        name="deep_linear",
    )


def wishart(weight_decay: bool = False, beta: int = 1) -> MatrixSDE:
    """Isotropic noise ε and nothing else: the Wishart process, or the Laguerre process with weight decay.

    Parameters of ``bind``: ``eps`` and, with weight decay, ``decay``; ``n`` and ``rows``.
    """
    return matrix_sde(
        loss="decay*Tr(W.H*W)/2" if weight_decay else "0*Tr(W.H*W)",
        parameters={"eps": "scalar", **({"decay": "scalar"} if weight_decay else {})},
        noise=Noise("eps**2"),
        beta=beta,
        name="laguerre" if weight_decay else "wishart",
    )


def matrix_ou(beta: int = 1) -> MatrixSDE:
    """Symmetric (Hermitian) matrix Ornstein–Uhlenbeck process, the eigenvalues of W itself.

    Parameters of ``bind``: ``rate``, ``center``, ``eps`` (standard deviation of off-diagonal noise).
    """
    return matrix_sde(
        loss="rate*Tr((W - center)**2)/2",
        parameters={"rate": "scalar", "center": "real", "eps": "scalar"},
        noise=Noise("eps**2", symmetric=True),
        spectrum="symmetric",
        beta=beta,
        name="matrix_ou",
    )


def spectral_potential(
    potential: str, parameters: dict[str, str] | None = None, spectrum: str = "symmetric", beta: int = 1
) -> MatrixSDE:
    """Descent on Tr V(X) under invariant noise ε, V an expression in X such as "X**4/4 - a*X**2/2".

    X is the symmetric matrix W, or WᵀW for the spectra "gram" and "singular". Parameters of ``bind``: those
    declared here, and ``eps``.
    """
    choice("spectrum", spectrum, ("symmetric", "gram", "singular"))
    symmetric = spectrum == "symmetric"
    return matrix_sde(
        loss="Tr(V)",
        parameters={**(parameters or {}), "eps": "scalar"},
        definitions={"X": "W" if symmetric else "W.H*W", "V": potential},
        noise=Noise("eps**2", symmetric=symmetric),
        spectrum=spectrum,
        beta=beta,
        name="spectral_potential",
    )


MODELS: Mapping[str, Callable[..., MatrixSDE]] = MappingProxyType(
    {
        "rbm": rbm,
        "linear": linear_network,
        "regression": partial(linear_network, output=False),
        "deep": deep_linear,
        "symmetric": symmetric_regression,
        "wishart": wishart,
        "laguerre": partial(wishart, weight_decay=True),
        "ou": matrix_ou,
        "potential": spectral_potential,
    }
)
"""Every ready-made model by its name; the command line reads their arguments from here."""
