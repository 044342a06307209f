"""Checks of what a user declares: names, samples, noise, and arguments of losses that are functions."""

from __future__ import annotations

import inspect
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping

from dyson.derive.specification import KINDS, Gaussian, Noise
from streams.arguments import choice, shown, unknown

NOISE_LEVEL = "T"
RESERVED = frozenset(
    {"x", "xi", "C", "rho", "n", "rows", "sde", "target", "noise_level", "parameters", "columns", "self"}
)
MODE_SUFFIX = re.compile(r"_([ijk]|[0-9]+i?)$|^(C|rho)_")


def _require_distinct(names: list[str]) -> None:
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"names must be strings, got {shown(name)}")
        if name == NOISE_LEVEL:
            raise ValueError("the name T is taken: it is the noise level α/|B|; transpose is .T")
        if unicodedata.normalize("NFKC", name) != name:
            plain = unicodedata.normalize("NFKC", name)
            raise ValueError(f"the name {shown(name)} is a variant of {shown(plain)}: write {shown(plain)}")
        if name in RESERVED or MODE_SUFFIX.search(name):
            raise ValueError(
                f"the name {shown(name)} is kept for the derivation (eigenvalues, modes such as x_i and x_1, "
                "arguments of bind); choose another"
            )
        if names.count(name) > 1:
            raise ValueError(f"the name {shown(name)} is declared twice; every name has one meaning")


def require_names(weights: tuple, parameters: Mapping, samples: Mapping, definitions: Mapping) -> None:
    """Names that are free, each with one meaning; kinds that exist."""
    for parameter, kind in parameters.items():
        choice(f"kind of {parameter}", kind, KINDS)
    others = [*weights, *parameters, *definitions]
    _require_distinct(others)
    _require_distinct([label for label in samples if label not in RESERVED])
    for label in samples:
        if label in others:
            raise ValueError(f"the name {shown(label)} is declared twice; every name has one meaning")


def require_samples(samples: Mapping) -> None:
    """`Gaussian` samples; one that starts at another starts at one that exists and is drawn anew."""
    for label, sample in samples.items():
        if not isinstance(sample, Gaussian):
            raise TypeError(f"samples must be derive.Gaussian, got {shown(sample)}")
        if sample.start is None:
            continue
        origin = samples.get(sample.start[0])
        fits = isinstance(origin, Gaussian) and origin.space == sample.space and origin.start is None
        if not fits or sample.space == "matrix":
            raise ValueError(
                f"{label} must start at another {sample.space} sample, one that starts at none, "
                f"got {shown(sample.start[0])}"
            )


def checked_noise(noise: object) -> tuple[Noise, ...]:
    """One `Noise` or several as a tuple."""
    several = tuple(noise) if isinstance(noise, tuple | list) else (noise,)
    for given in several:
        if not isinstance(given, Noise):
            raise TypeError(f"noise must be derive.Noise, or a tuple of them, got {shown(given)}")
    return several


def require_arguments(function: Callable, names: Collection[str]) -> list[str]:
    """The names that a loss given as a function asks for; ValueError for one that is not declared."""
    try:
        asked = inspect.signature(function).parameters
    except (TypeError, ValueError):  # built in: give it everything
        return list(names)
    if any(p.kind is p.VAR_KEYWORD for p in asked.values()):
        return list(names)
    for name in asked:
        if name not in names:
            raise ValueError(unknown("argument of the loss", name, names))
    return list(asked)
