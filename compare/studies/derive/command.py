"""``dyson-sgd derive``: the derivation of an eigenvalue SDE, step by step."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from compare.studies.shell.arguments import Parser, UsageError, add, add_debug, one_of, whole
from streams.arguments import choice, shown

__all__ = ["MODELS", "add_derive", "derive"]

MODELS = ("rbm", "linear", "regression", "deep", "symmetric", "wishart", "laguerre", "ou", "potential")
FORMATS = ("text", "latex", "json")
ALWAYS = ("help", "model", "momentum", "finite_learning_rate", "integer", "format", "debug")
OWN = (
    *("loss", "gradient", "sample", "exact_sample", "parameter", "define"),
    *("noise", "symmetric_noise", "spectrum", "beta"),
)
READ = {
    "rbm": ("model_average", "data", "weight_decay", "train_mu2", "memory_drift", "spectrum"),
    "linear": ("noise_kind", "spectrum"),
    "regression": ("noise_kind", "spectrum"),
    "deep": ("layers", "noise_kind", "spectrum"),
    "wishart": ("beta", "spectrum"),
    "laguerre": ("beta", "spectrum"),
    "ou": ("beta",),
    "potential": ("potential", "parameter", "spectrum", "beta"),
}
"""The options that a loss of one's own, and each ready-made model, reads."""

DESCRIPTION = """\
From a per-sample loss and a noise model to the stochastic differential equation of the eigenvalues,
its fixed points, its Coulomb gas and the feedback of the eigenvectors: derived, step by step.
"""

EXAMPLES = """\
models: rbm, linear (Z W v), regression (W v), deep (W_L ... W_1 v), symmetric, wishart, laguerre, ou,
potential (Tr V(X) with --potential)

examples:
  dyson-sgd derive rbm
  dyson-sgd derive rbm --model-average persistent --memory-drift --integer k=1 --format latex
  dyson-sgd derive linear --noise-kind minibatch-label
  dyson-sgd derive potential --potential "X**4/4 - a*X**2/2" --parameter a=scalar
  dyson-sgd derive --loss "(W*v - A*v).T*(W*v - A*v)/2 + decay*Tr(W.T*W)/2" \\
      --sample v=column --parameter A=mode --parameter decay=scalar
  dyson-sgd derive --loss "Tr((W - A).T*(W - A))/2" --parameter A=mode \\
      --parameter eps=scalar --noise "eps**2"

expressions: names, numbers, + - * / **, parentheses, .T and .H (transpose, adjoint), and Tr, det, logdet,
inv, exp, log, sqrt, sin, cos, tanh, sinh, cosh of one argument. W is the weight matrix, T the noise level.
  --sample NAME=SPACE[;COVARIANCE]   SPACE: column (inputs), row (outputs) or matrix; mean zero
  --parameter NAME=KIND              scalar, real, fraction, integer, or diagonal: column, row, mode
  --noise "R" or "R;C"               covariance R ⊗ C of the gradient noise, added to the samples'
"""


def add_derive(commands: Any, command: Callable[[argparse.Namespace], int]) -> None:
    """The options of ``derive``."""
    p: Parser = commands.add_parser(
        "derive", help="derive an eigenvalue SDE from a loss", description=DESCRIPTION, epilog=EXAMPLES
    )
    p.set_defaults(command=command, parser=p)
    p.add_argument("model", nargs="?", metavar="MODEL", help=f"one of {', '.join(MODELS)}")
    own = p.add_argument_group("a loss of your own")
    own.add_argument("--loss", metavar="EXPR", help="per-sample loss, a scalar")
    own.add_argument("--gradient", metavar="EXPR", help="or its gradient, a matrix of the shape of W")
    pairs = {
        "--sample": ("NAME=SPACE", "a Gaussian sample; may be repeated"),
        "--exact-sample": ("NAME=SPACE", "one whose average is carried out, without noise"),
        "--parameter": ("NAME=KIND", "a parameter; may be repeated"),
        "--define": ("NAME=EXPR", "a name for an expression; may be repeated"),
    }
    for option, (metavar, text) in pairs.items():
        own.add_argument(option, action="append", default=[], type=declared, metavar=metavar, help=text)
    own.add_argument("--noise", metavar="EXPR", help="covariance of the gradient noise")
    own.add_argument("--symmetric-noise", metavar="EXPR", help="the same for symmetric noise")
    spectra = one_of("spectrum", ("gram", "symmetric", "singular"))
    own.add_argument("--spectrum", type=spectra, metavar="NAME", help="gram (WᵀW), symmetric (W), singular")
    add(own, "--beta", whole(1, 2), 1, "B", "1 real, 2 complex weights")
    model = p.add_argument_group("a ready-made model")
    averages = one_of("model average", ("independent", "persistent", "contrastive", "exact"))
    add(model, "--model-average", averages, "independent", "NAME", "rbm: how the model is sampled")
    add(model, "--data", one_of("data", ("exact", "batch")), "exact", "NAME", "rbm: exact data, or a batch")
    noises = ("label", "isotropic", "minibatch", "minibatch-label")
    add(model, "--noise-kind", one_of("noise", noises), "isotropic", "NAME", f"one of {', '.join(noises)}")
    add(model, "--layers", whole(1, 4), 2, "L", "deep: number of layers")
    model.add_argument("--potential", metavar="EXPR", help='potential: V(X), such as "X**4/4 - X**2"')
    model.add_argument("--weight-decay", action="store_true", help="rbm: with weight decay")
    model.add_argument("--train-mu2", action="store_true", help="rbm: μ² is trained too")
    model.add_argument("--memory-drift", action="store_true", help="rbm: drift by the chains' memory")
    more = p.add_argument_group("optimiser and output")
    more.add_argument("--momentum", action="store_true", help="heavy ball: T/(1 - m), time αn/(1 - m)")
    more.add_argument("--finite-learning-rate", action="store_true", help="O(α) modified equation")
    more.add_argument(
        "--integer", action="append", default=[], type=numbered, metavar="NAME=N", help="k=3: a number for k"
    )
    add(more, "--format", one_of("format", FORMATS), "text", "NAME", f"one of {', '.join(FORMATS)}")
    add_debug(more)


def derive(args: argparse.Namespace) -> int:
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


def numbered(text: str) -> tuple[str, int]:
    """Read ``k=3``."""
    name, sign, number = text.partition("=")
    if not (name.strip() and sign):
        raise argparse.ArgumentTypeError(f"expected NAME=N, such as k=3, got {shown(text)}")
    return name.strip(), whole(1, 1000)(number)


def declared(text: str) -> tuple[str, str]:
    """Read ``v=column`` or ``K=mu2 - W.T*W``: a name and what it is."""
    name, sign, what = text.partition("=")
    if not (name.strip() and sign and what.strip()):
        raise argparse.ArgumentTypeError(f"expected NAME=..., such as v=column, got {shown(text)}")
    return name.strip(), what.strip()


def require_used(args: argparse.Namespace, own: bool) -> None:
    """Refuse options that the model does not read, and names given twice."""
    taken = OWN if own else READ.get(args.model, ())
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


def ready_model(args: argparse.Namespace):  # type: ignore[no-untyped-def]
    """The matrix SDE of a name."""
    from dyson.derive import library

    if args.model == "rbm":
        return library.rbm(
            args.model_average, args.data, args.weight_decay, args.train_mu2, args.memory_drift
        )
    if args.model in ("linear", "regression"):
        return library.linear_network(args.noise_kind, output=args.model == "linear")
    if args.model == "deep":
        return library.deep_linear(args.layers, args.noise_kind)
    if args.model in ("wishart", "laguerre"):
        return library.wishart(weight_decay=args.model == "laguerre", beta=args.beta)
    if args.model == "potential":
        if args.potential is None:
            raise UsageError('the model potential needs --potential, such as --potential "X**4/4 - X**2"')
        spectrum = args.spectrum or "symmetric"
        return library.spectral_potential(args.potential, dict(args.parameter), spectrum, args.beta)
    return library.matrix_ou(args.beta) if args.model == "ou" else library.symmetric_regression()
