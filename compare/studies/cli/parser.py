"""The whole command line, made of the registry; a command's options are read when it is chosen."""

from __future__ import annotations

import argparse
from typing import Any

from compare.studies.registry import COMMANDS, GROUPS
from compare.studies.shell.arguments import Parser
from compare.studies.shell.command import Command
from streams.version import installed_version

__all__ = ["parser"]

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


class Version(argparse.Action):
    """``--version``, looked up when it is asked for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, default=argparse.SUPPRESS, **options)

    def __call__(self, parser, namespace, values, option_string=None):  # type: ignore[no-untyped-def]
        print(f"dyson-sgd {installed_version()}")
        parser.exit()


def parser() -> Parser:
    """Every command; a chosen one is found again as ``args.command``, its parser as ``args.parser``."""
    top = Parser(prog="dyson-sgd", description=DESCRIPTION, epilog=EXAMPLES)
    top.add_argument("--version", action=Version, help="show the version and exit")
    names = top.add_subparsers(title="commands", metavar="COMMAND", dest="name")
    words = dict.fromkeys([*(command.words.partition(" ")[0] for command in COMMANDS), *GROUPS])
    single = {command.words: command for command in COMMANDS}
    for word in words:
        if word in GROUPS:
            group = GROUPS[word]
            names.add_parser(word, help=group.help, fill=lambda p, group=group: _fill_group(p, group))
        else:
            _add(names, word, single[word])
    return top


def _fill_group(group_parser: Parser, group: Command) -> None:
    own = [command for command in COMMANDS if command.words.startswith(f"{group.words} ")]
    commands = group.fill(group_parser) or own
    names = group_parser.add_subparsers(
        title=f"{group.metavar.lower()}s", metavar=group.metavar, dest="of", required=True
    )
    for command in commands:
        _add(names, command.words.partition(" ")[2], command)


def _add(names: Any, word: str, command: Command) -> None:
    made = names.add_parser(word, help=command.help, fill=command.fill)
    made.set_defaults(command=command, parser=made)
