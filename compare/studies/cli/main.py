"""``dyson-sgd``: train, integrate, compare and report from the command line.

Exit codes: 0 done (``check``: nothing differs), 1 ``check`` found a difference, 2 could not run,
130 interrupted, 141 the reader of the output went away.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

from compare.studies.cli.parser import parser
from compare.studies.shell.arguments import UsageError
from compare.studies.shell.session import AGREE, FAILED, INTERRUPTED, PIPE_CLOSED, complain, explained

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; raises nothing, whatever the arguments are (unless they hold ``--debug``).

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``dyson-sgd``; by default those of the process.

    Returns
    -------
    int
        The exit code: 0, 1, 2, 130 or 141, see the module.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        with warnings.catch_warnings():
            if "--debug" not in words:  # an overflow on the way to an error or a NaN is no second message
                warnings.simplefilter("ignore")
            code = run(words)
        sys.stdout.flush()
        return code
    except SystemExit as leave:  # argparse leaves this way after --help and --version
        return leave.code if isinstance(leave.code, int) else AGREE
    except KeyboardInterrupt:
        return complain("interrupted; nothing was written", INTERRUPTED)
    except BrokenPipeError:
        silence()
        return PIPE_CLOSED
    except Exception as error:
        if "--debug" in words and not isinstance(error, UsageError):
            raise
        return complain(explained(error), FAILED)


def run(words: list[str]) -> int:
    """Parse and carry out; errors are raised."""
    args = parser().parse_args(words)
    if not hasattr(args, "command"):
        raise UsageError("no command given: try `dyson-sgd report rbm`, or `dyson-sgd --help`")
    return int(args.command.run(args))


def silence() -> None:
    """Point stdout at nothing: Python flushes it once more at exit and would print a traceback there."""
    if sys.__stdout__ is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
