"""What ``dyson-sgd report rbm`` does: train, integrate, align, check, write the page."""

from __future__ import annotations

import argparse

from compare.studies.shell.session import begin

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """``dyson-sgd report rbm``."""
    session = begin(args, f"rbm-lr{args.learning_rate:g}-bs{args.batch_size}")
    import sgd
    from compare.studies.rbm import study
    from compare.studies.scaling import section as scaling_section, study as scaling

    rbm = sgd.GaussianRBM(
        target=sgd.ring_scalar_field(n=args.n_visible, mass2=args.mass2),
        **{name: getattr(args, name) for name in study.RBM_OPTIONS},
    )
    grid = scaling.default_grid(rbm) if args.sweep else []
    options = {name: getattr(args, name) for name in study.RUN_OPTIONS}
    tree = study.compare_rbm(rbm, progress=session.progress, **options)
    sections = []
    if args.sweep:
        swept = scaling.sweep(rbm, grid, seed=args.seed, workers=args.workers, progress=session.progress)
        print(scaling_section.summary(swept), flush=True)
        sections.append(scaling_section.section(swept))
        tree = scaling_section.attach(tree, swept)
    return session.end(tree, sections)
