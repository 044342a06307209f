"""The options of ``dyson-sgd`` and the words of its help."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable, Mapping

from compare.studies.advice.options import add_advise
from compare.studies.campaign.options import add_campaign
from compare.studies.derive.command import add_derive
from compare.studies.gas.options import add_gas, add_report_gas
from compare.studies.linear.options import add_linear, add_phase, add_teacher_student
from compare.studies.shell.arguments import (
    Parser,
    add,
    add_debug,
    decimal,
    list_of,
    mapping,
    number_or,
    one_of,
    whole,
)
from streams.version import installed_version

__all__ = ["DATA", "LEVELS", "MODEL_AVERAGES", "SOLVERS", "command_line", "parser"]

MODEL_AVERAGES = ("independent", "persistent", "contrastive")
DATA = ("exact", "batch")
SOLVERS = ("bond-splitting", "euler", "sdeint")
LEVELS = ("pair", "dyson", "matrix")
FAMILIES = ("none", "holm", "benjamini-hochberg")

Command = Callable[[argparse.Namespace], int]

DESCRIPTION = """\
Stochastic gradient descent against Dyson Brownian motion: train an ensemble of models, integrate
the theory of its eigenvalues at the same learning rate and batch size, and say with error bars
where the two agree, where they differ and where the data cannot tell.
"""

EXAMPLES = """\
examples:
  dyson-sgd report rbm                      the papers' run: 10 x 10 Gaussian RBM, 1000 replicas
  dyson-sgd report rbm --batch-size 16 --replicas 200 --seed 7 --out results/
  dyson-sgd report linear                   linear network: rates, species, densities
  dyson-sgd report teacher-student          2 x 2 students with symmetric gradient noise
  dyson-sgd report phase                    phase diagram of the tanh student
  dyson-sgd report gas                      Gaussian ensemble: sampler, integrator and laws
  dyson-sgd check results/                  the table of predictions; exit code 0, 1 or 2
  dyson-sgd check results/ --level matrix --margin 0.005
  dyson-sgd import teacher-student FILE.npz ... --out published/
  dyson-sgd gas --potential 'x**4/4 - x**2/2' --n 40 --beta 2
  dyson-sgd derive rbm                      from the loss to the eigenvalue SDE, step by step

exit codes: 0 done, for `check`: nothing differs; 1 `check` found a difference; 2 could not run
"""

REPORT_EXAMPLES = """\
examples:
  dyson-sgd report rbm                      1000 replicas at learning rate 0.1, batch size 64
  dyson-sgd report rbm --replicas 200 --steps 1000 --seed 7 --out quick/
  dyson-sgd report rbm --model-average persistent --sweeps 1 --levels dyson,matrix
  dyson-sgd report rbm --sweep              adds a grid of (learning rate, batch size): the
                                            linear scaling rule and its exponent

The folder holds report.html (the page), checks.json (the verdicts) and data.zarr (everything
behind them). Without --seed a fresh one is drawn, printed and stored: the command in the report
repeats the run to the last bit, for any number of workers.
"""

CHECK_EXAMPLES = """\
examples:
  dyson-sgd check results/
  dyson-sgd check results/ --level dyson --confidence 0.999
  dyson-sgd check results/ --level all
  dyson-sgd check results/ --json | jq .verdict

A prediction `agrees` where the whole confidence interval of the deviation lies within the margin,
`differs` where none of it does, and otherwise the data `cannot tell`. One level of theory decides
the exit code, the most complete one unless --level names another.
exit codes: 0 nothing differs; 1 something differs; 2 could not run
"""

IMPORT_EXAMPLES = """\
examples:
  dyson-sgd import teacher-student TSmodel_*.npz --out published/
  dyson-sgd import npz ensemble.npz --map weight=W --map learning_rate=lr --out theirs/
  dyson-sgd import npz ensemble.npz ... --map shared_data=yes    all replicas saw one data set

Each file becomes a results folder of its own inside the output folder; `dyson-sgd check published/`
checks them all. Files are read without pickle: nothing in them is ever executed.
"""


def parser(commands: Mapping[str, Command]) -> Parser:
    """The whole command line.

    Parameters
    ----------
    commands : mapping
        What carries out each command, by its name in `run`; found again as ``args.command``.
    """
    top = Parser(prog="dyson-sgd", description=DESCRIPTION, epilog=EXAMPLES)
    top.add_argument("--version", action="version", version=f"dyson-sgd {installed_version()}")
    names = top.add_subparsers(title="commands", metavar="COMMAND", dest="name")
    report = names.add_parser(
        "report", help="train, integrate, compare, and write a page", description="Run and report."
    )
    models = report.add_subparsers(title="models", metavar="MODEL", dest="model", required=True)
    add_rbm(models, commands["rbm"])
    add_linear(models, commands["linear"])
    add_teacher_student(models, commands["teacher-student"])
    add_phase(models, commands["phase"])
    add_report_gas(models, commands["report-gas"])
    add_check(names, commands["check"])
    sources = names.add_parser(
        "import", help="read somebody else's ensembles", description="Import, check and report."
    ).add_subparsers(title="sources", metavar="SOURCE", dest="source", required=True)
    add_import(sources, commands["import"])
    add_derive(names, commands["derive"])
    add_gas(names, commands["gas"])
    add_campaign(names, commands)
    add_advise(names, commands["advise"])
    return top


def add_rbm(models: argparse._SubParsersAction[Parser], command: Command) -> None:
    """``report rbm``."""
    rbm = models.add_parser(
        "rbm",
        help="Gaussian restricted Boltzmann machine, target a free scalar field on a ring",
        description="Train Gaussian RBMs on a free scalar field and compare with Dyson Brownian motion.",
        epilog=REPORT_EXAMPLES,
    )
    rbm.set_defaults(command=command, parser=rbm)
    model = rbm.add_argument_group("model")
    sizes, positive = whole(1, 1000), decimal(above=0.0)
    add(model, "--n-visible", sizes, 10, "N", "visible units, the sites of the ring")
    add(model, "--n-hidden", sizes, 10, "M", "hidden units")
    add(model, "--mu2", positive, 9.0, "X", "mass term of the visible units")
    add(model, "--mass2", positive, 4.0, "X", "mass squared of the target field")
    add(model, "--sigma-h", positive, 1.0, "X", "standard deviation of the hidden units")
    training = rbm.add_argument_group("training")
    add(training, "--learning-rate", positive, 0.1, "A", "step size of SGD")
    add(training, "--batch-size", whole(1), 64, "B", "mini-batch size")
    training.add_argument(
        "--steps",
        type=whole(1),
        metavar="N",
        help="SGD steps (default: enough for every mode to settle in the first half)",
    )
    add(training, "--replicas", whole(2), 1000, "R", "independently trained models")
    average = one_of("model average", MODEL_AVERAGES)
    add(training, "--model-average", average, "independent", "NAME", f"one of {', '.join(MODEL_AVERAGES)}")
    add(training, "--sweeps", whole(1), 3, "K", "Gibbs sweeps an update, where chains are used")
    data = one_of("data", DATA)
    add(training, "--data", data, "exact", "NAME", "target average: exact covariance, or a batch of data")
    initial = number_or("fixed-point", positive)
    add(training, "--initial", initial, 0.1, "S", "spread of the first weights, or fixed-point")
    add_theory(rbm.add_argument_group("theory"))
    output = rbm.add_argument_group("run and output")
    output.add_argument("--seed", type=whole(0), metavar="S", help="whole number >= 0 (default: a fresh one)")
    add(output, "--workers", whole(1, 4096), os.cpu_count() or 1, "W", "threads; results do not depend on it")
    output.add_argument(
        "--out", metavar="DIR", help="folder to write, new or empty (default: rbm-lr<A>-bs<B> here)"
    )
    output.add_argument(
        "--sweep", action="store_true", help="add a grid of (learning rate, batch size): linear scaling"
    )
    add_debug(output)


def add_theory(group: argparse._ArgumentGroup) -> None:
    """The options of ``report rbm`` that concern the theory alone."""
    levels = list_of(one_of("level", LEVELS))
    add(group, "--levels", levels, LEVELS, "NAMES", "levels of theory, comma-separated", ",".join(LEVELS))
    solver = one_of("solver", SOLVERS)
    add(group, "--solver", solver, "bond-splitting", "NAME", f"of level dyson: {', '.join(SOLVERS)}")
    group.add_argument(
        "--dt",
        type=decimal(above=0.0),
        metavar="T",
        help="time step of levels dyson and matrix (default: from the model's rates)",
    )


def add_check(commands: argparse._SubParsersAction[Parser], command: Command) -> None:
    """``check``."""
    check = commands.add_parser(
        "check",
        help="predictions against measurements in a results folder",
        description="Check the predictions in a results folder, or in every results folder inside one.",
        epilog=CHECK_EXAMPLES,
    )
    check.set_defaults(command=command)
    check.add_argument("folder", metavar="DIR", help="folder that `report` or `import` wrote")
    check.add_argument("--json", action="store_true", help="print JSON, the same as checks.json")
    margin, confidence = decimal(above=0.0), decimal(above=0.0, below=1.0)
    check.add_argument(
        "--margin", type=margin, metavar="M", help="relative margin, 0.02 is 2 %% (default: from 1 to 5 %%)"
    )
    add(check, "--confidence", confidence, 0.99, "C", "two-sided confidence of the intervals")
    check.add_argument(
        "--level",
        metavar="NAME",
        help="level of theory that decides, or all (default: the most complete one)",
    )
    check.add_argument(
        "--start", type=decimal(), metavar="T", help="statistics from this time on (default: second half)"
    )
    check.add_argument(
        "--data-spread",
        type=decimal(least=0.0),
        metavar="S",
        help="relative spread of every quantity between data sets, where replicas share one data set "
        "(default: from the theory that knows it)",
    )
    family = one_of("family", FAMILIES)
    text = f"verdicts of a level's rows together: {', '.join(FAMILIES)}"
    add(check, "--family", family, "none", "NAME", text)
    add_debug(check)


def add_import(sources: argparse._SubParsersAction[Parser], command: Command) -> None:
    """``import teacher-student`` and ``import npz``."""
    about = {
        "teacher-student": "2 x 2 student and teacher with gradient noise, as published",
        "npz": "any .npz file with weights or eigenvalues, by a mapping of its keys",
    }
    for name, text in about.items():
        source = sources.add_parser(name, help=text, description=f"Import {text}.", epilog=IMPORT_EXAMPLES)
        source.set_defaults(command=command, source=name, parser=source)
        source.add_argument("files", nargs="+", metavar="FILE", help=".npz file")
        source.add_argument("--out", required=True, metavar="DIR", help="folder to write, new or empty")
        source.add_argument(
            "--map",
            action="append",
            default=[],
            type=mapping,
            metavar="NAME=KEY",
            help="our name of a quantity and the file's key of it; may be repeated",
        )
        add_debug(source)


def command_line(args: argparse.Namespace, start: str) -> str:
    """The command that repeats this run: the options that are not at their defaults, and the seed.

    What the result does not depend on (the folder, the number of threads, ``--debug``) is left out.

    Parameters
    ----------
    args : argparse.Namespace
        Parsed options, with ``args.seed`` filled in.
    start : str
        The words before the options, such as ``"dyson-sgd report rbm"``.
    """
    words = start.split()
    for action in args.parser._actions:
        value = getattr(args, action.dest, None)
        if action.dest in ("help", "out", "workers", "debug") or value == action.default:
            continue
        if not action.option_strings:  # the files of an import
            words += value or []
            continue
        if isinstance(action, argparse._AppendAction):
            words += [
                word
                for ours, theirs in value or []
                for word in (action.option_strings[0], f"{ours}={theirs}")
            ]
            continue
        words.append(action.option_strings[0])
        if isinstance(value, tuple):
            words.append(",".join(map(str, value)))
        elif value is not True:
            words.append(str(value))
    return shlex.join(words)
