"""What ``dyson-sgd derive`` does: the derivation of an eigenvalue SDE, step by step."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from inspect import signature

from compare.studies.shell.arguments import UsageError
from dyson.derive.library import MODELS
from streams.arguments import choice, shown

__all__ = ["run"]

ALWAYS = ("help", "model", "momentum", "finite_learning_rate", "integer", "format", "debug")
OWN = (
    *("loss", "gradient", "sample", "exact_sample", "parameter", "define"),
    *("noise", "symmetric_noise", "spectrum", "beta"),
)
"""What every derivation reads, and what a loss of one's own reads."""

OPTIONS = {"noise": "noise_kind", "trained_mu2": "train_mu2", "parameters": "parameter"}
"""Options that are not called as the arguments of `dyson.derive.library` that they give."""


def run(args: argparse.Namespace) -> int:
    """Derive and print."""
    own = args.loss is not None or args.gradient is not None
    if own == (args.model is not None):
        raise UsageError("give either a model, such as rbm, or --loss; see `dyson-sgd derive --help`")
    if not own:
        choice("model", args.model, MODELS)
    require_used(args, own)
    sde = own_model(args) if own else ready_model(args)
    if args.spectrum is not None and sde.spectrum != args.spectrum:
        if "symmetric" in (sde.spectrum, args.spectrum):
            raise UsageError(f"the model {args.model} has the spectrum {sde.spectrum}, got {args.spectrum}")
        sde = replace(sde, spectrum=args.spectrum)
    if args.momentum or args.finite_learning_rate:
        sde = sde.optimiser(args.momentum, args.finite_learning_rate)
    equation = sde.eigenvalue_sde(**dict(args.integer))
    from dyson.derive import explanation

    tell = {"text": explanation.as_text, "latex": explanation.as_latex, "json": explanation.as_json}
    print(tell[args.format](equation))
    return 0


def require_used(args: argparse.Namespace, own: bool) -> None:
    """Refuse options that the model does not read, and names given twice."""
    taken = OWN if own else (*arguments(args.model).values(), "spectrum")
    for action in args.parser._actions:
        value = getattr(args, action.dest, None)
        if action.dest in (*taken, *ALWAYS) or value == action.default:
            continue
        whose = "a loss of your own" if own else f"the model {args.model}"
        raise UsageError(f"{action.option_strings[0]} has no effect on {whose}; leave it out")
    for group in (args.sample + args.exact_sample, args.parameter, args.define, args.integer):
        names = [name for name, _ in group]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"{shown(name)} is given twice; every name has one meaning")


def own_model(args: argparse.Namespace):  # type: ignore[no-untyped-def]
    """The matrix SDE of ``--loss`` or ``--gradient``."""
    from dyson.derive import Gaussian, Noise, matrix_sde

    samples = {}
    for average, given in (("sampled", args.sample), ("exact", args.exact_sample)):
        for name, text in given:
            space, _, covariance = text.partition(";")
            samples[name] = Gaussian(space.strip(), covariance.strip() or "1", average=average)
    noise = []
    for text, symmetric in ((args.noise, False), (args.symmetric_noise, True)):
        if text is not None:
            row, _, column = text.partition(";")
            noise.append(Noise(row.strip(), column.strip() or "1", symmetric))
    spectrum = args.spectrum or ("symmetric" if args.symmetric_noise is not None else "gram")
    return matrix_sde(
        loss=args.loss,
        gradient=args.gradient,
        samples=samples,
        parameters=dict(args.parameter),
        definitions=dict(args.define),
        noise=tuple(noise),
        spectrum=spectrum,
        beta=args.beta,
    )


def arguments(model: str) -> dict[str, str]:
    """Arguments that a ready-made model takes, and the options that give them."""
    function = MODELS[model]
    fixed = function.keywords if isinstance(function, partial) else {}
    return {name: OPTIONS.get(name, name) for name in signature(function).parameters if name not in fixed}


def ready_model(args: argparse.Namespace):  # type: ignore[no-untyped-def]
    """The matrix SDE of a name."""
    given = {name: getattr(args, option, None) for name, option in arguments(args.model).items()}
    if "parameters" in given:
        given["parameters"] = dict(args.parameter)
    if "potential" in given and given["potential"] is None:
        raise UsageError('the model potential needs --potential, such as --potential "X**4/4 - X**2"')
    return MODELS[args.model](**{name: value for name, value in given.items() if value is not None})
