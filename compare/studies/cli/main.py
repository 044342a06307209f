"""``dyson-sgd``: train, integrate, compare and report from the command line.

Exit codes: 0 done (``check``: nothing differs), 1 ``check`` found a difference, 2 could not run,
130 interrupted, 141 the reader of the output went away.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from compare.page.folder import vacant
from compare.studies.cli.parser import command_line, parser
from compare.studies.shell.arguments import UsageError
from streams.arguments import nearest, one_line

# The commands import what they need themselves, so that --help, --version and a misspelt option
# answer at once and Ctrl-C during the slow imports still ends in one line.

__all__ = ["main"]

LONGEST_MESSAGE = 600
CHECK_OPTIONS = ("margin", "confidence", "start", "level", "data_spread", "family")
AGREE, DIFFER, FAILED, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141


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
    commands = {
        "rbm": report_rbm,
        "linear": network("linear"),
        "teacher-student": network("teacher_student"),
        "phase": network("phase"),
        "check": check_folders,
        "import": import_ensembles,
        "derive": derive,
        "gas": gas("gas"),
        "report-gas": gas("report_gas"),
        "campaign-run": campaign("begin"),
        "campaign-status": campaign("status"),
        "campaign-resume": campaign("resume"),
        "campaign-report": campaign("report"),
        "advise": campaign("advised"),
    }
    args = parser(commands).parse_args(words)
    if not hasattr(args, "command"):
        raise UsageError("no command given: try `dyson-sgd report rbm`, or `dyson-sgd --help`")
    return int(args.command(args))


def network(name: str) -> Callable[[argparse.Namespace], int]:
    """``dyson-sgd report linear``, ``teacher-student`` and ``phase``, imported when one is run."""

    def command(args: argparse.Namespace) -> int:
        from compare.studies.linear import command as network_reports

        return int(getattr(network_reports, name)(args))

    return command


def derive(args: argparse.Namespace) -> int:
    """``dyson-sgd derive``: from a loss to its eigenvalue SDE."""
    from compare.studies.derive import command as derivation

    return derivation.derive(args)


def campaign(name: str) -> Callable[[argparse.Namespace], int]:
    """``dyson-sgd campaign ...`` and ``dyson-sgd advise``, imported when one is run."""

    def command(args: argparse.Namespace) -> int:
        from compare.studies.campaign import command as actions

        return int(getattr(actions, name)(args))

    return command


def gas(name: str) -> Callable[[argparse.Namespace], int]:
    """``dyson-sgd gas`` and ``dyson-sgd report gas``, imported when one is run."""

    def command(args: argparse.Namespace) -> int:
        from compare.studies.gas import command as gas_report

        return int(getattr(gas_report, name)(args))

    return command


def complain(message: str, code: int) -> int:
    """One line on standard error, and the exit code handed through."""
    print(f"dyson-sgd: error: {message}", file=sys.stderr)
    return code


def explained(error: Exception) -> str:
    """An exception in one line; one that is not about the input names its type and the way to more."""
    text = one_line(str(error)[: 2 * LONGEST_MESSAGE]) or "no message"
    text = text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 3]}..."
    if isinstance(error, MemoryError):
        return f"out of memory ({text}); use fewer --replicas, or a smaller model"
    if isinstance(error, (ValueError, TypeError, OSError)):
        return text
    return f"{type(error).__name__}: {text} (run again with --debug for the traceback)"


def silence() -> None:
    """Point stdout at nothing: Python flushes it once more at exit and would print a traceback there."""
    if sys.__stdout__ is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())


def report_rbm(args: argparse.Namespace) -> int:
    """``dyson-sgd report rbm``: train, integrate, align, check, write the page."""
    out = vacant(args.out or f"rbm-lr{args.learning_rate:g}-bs{args.batch_size}")
    import compare
    import sgd
    from compare.page import report
    from compare.studies.rbm import study as pipeline
    from compare.studies.scaling import section as scaling_section
    from compare.studies.scaling import study as scaling
    from streams import new_entropy

    args.seed = new_entropy() if args.seed is None else args.seed
    command = command_line(args, "dyson-sgd report rbm")
    rbm = sgd.GaussianRBM(
        target=sgd.ring_scalar_field(n=args.n_visible, mass2=args.mass2),
        **{name: getattr(args, name) for name in pipeline.RBM_OPTIONS},
    )
    grid = scaling.default_grid(rbm) if args.sweep else []
    print(f"seed {args.seed}; to repeat this run: {command}", flush=True)
    shown = sys.stderr.isatty()
    tree = pipeline.compare_rbm(
        rbm, progress=shown, **{name: getattr(args, name) for name in pipeline.RUN_OPTIONS}
    )
    tree.attrs["command"] = command
    sections = []
    if args.sweep:
        swept = scaling.sweep(rbm, grid, seed=args.seed, workers=args.workers, progress=shown)
        print(scaling_section.summary(swept), flush=True)
        sections.append(scaling_section.section(swept))
        tree = scaling_section.attach(tree, swept)
    result = compare.check(tree)
    page = report(tree, out, command=command, check=result, extra_sections=sections)
    for note in tree.attrs.get("notes", []):
        print(f"note: {note}")
    print("\n".join([*result.summary(), f"page: {page}"]))
    return AGREE


def check_folders(args: argparse.Namespace) -> int:
    """``dyson-sgd check``: the verdicts of one results folder, or of every one inside a folder."""
    folders = results_folders(Path(args.folder))
    import compare

    asked = {name: getattr(args, name) for name in CHECK_OPTIONS}
    results, code = {}, AGREE
    for folder in folders:
        try:
            results[folder] = result = compare.check(compare.load(folder), **asked)
        except Exception as error:
            if len(folders) == 1 or args.debug:
                raise
            code = complain(f"{str(folder)!r}: {explained(error)}", FAILED)
            continue
        code = max(code, result.exit_code)
        if not args.json:
            print(result if len(folders) == 1 else f"{folder}\n{result}\n")
    if args.json and len(folders) == 1:
        print(results[folders[0]].to_json())
    elif args.json:
        texts = [f"{json.dumps(folder.name)}: {result.to_json()}" for folder, result in results.items()]
        print("{" + ",\n".join(texts) + "}")
    return code


def results_folders(folder: Path) -> list[Path]:
    """``folder`` if it holds results, otherwise the results folders directly inside it."""
    if not folder.is_dir():
        near = nearest(folder.name, [p.name for p in folder.parent.glob("*") if p.is_dir()])
        hint = f"did you mean {str(folder.parent / near)!r}?" if near else "`dyson-sgd report` makes one"
        raise FileNotFoundError(f"no folder {str(folder)!r}; {hint}")
    if (folder / "data.zarr").exists():
        return [folder]
    inside = sorted(p.parent for p in folder.glob("*/data.zarr"))
    if not inside:
        raise FileNotFoundError(
            f"no results in {str(folder)!r}: neither it nor a folder in it holds data.zarr; "
            "`dyson-sgd report` and `dyson-sgd import` write such folders"
        )
    return inside


def import_ensembles(args: argparse.Namespace) -> int:
    """``dyson-sgd import``: somebody else's ensembles, each checked and reported."""
    vacant(args.out)
    from compare.studies.published import study as published

    command = command_line(args, f"dyson-sgd import {args.source}")
    results = published.import_files(
        args.source, args.files, out=args.out, keys=dict(args.map), command=command
    )
    for page in results:
        print(f"page: {page}")
    return AGREE
