"""Every command of ``dyson-sgd``, in the order of its help. To add one: a room, and a line here."""

from __future__ import annotations

from compare.studies.shell.command import Command

__all__ = ["COMMANDS", "GROUPS"]

STUDIES = "compare.studies"

GROUPS = {
    "report": Command(
        "report",
        "train, integrate, compare, and write a page",
        f"{STUDIES}.shell",
        "reports",
        metavar="MODEL",
    ),
    "import": Command(
        "import", "read somebody else's ensembles", f"{STUDIES}.published", "sources", metavar="SOURCE"
    ),
    "campaign": Command(
        "campaign",
        "grids of ensembles that survive interruptions and scale out",
        f"{STUDIES}.campaign",
        "group",
        metavar="ACTION",
    ),
}
"""First words that several commands share. The sources of ``import`` are the formats that are read."""

COMMANDS = (
    Command(
        "report rbm",
        "Gaussian restricted Boltzmann machine, target a free scalar field on a ring",
        f"{STUDIES}.rbm",
    ),
    Command(
        "report linear",
        "linear network with a fixed output layer: rates, species, densities",
        f"{STUDIES}.linear",
    ),
    Command(
        "report teacher-student",
        "2 x 2 student with symmetric gradient noise, as in the published ensembles",
        f"{STUDIES}.teacher_student",
    ),
    Command(
        "report phase",
        "phase diagram of the tanh student over (1/sigma_W, alpha/|B|)",
        f"{STUDIES}.phase",
    ),
    Command(
        "report gas",
        "Gaussian ensemble: exact sampler, eigenvalue SDE and laws; its density in time",
        f"{STUDIES}.gas",
        "report_options",
        "report_gas",
    ),
    Command("check", "predictions against measurements in a results folder", f"{STUDIES}.check"),
    Command("derive", "derive an eigenvalue SDE from a loss", f"{STUDIES}.derive"),
    Command("gas", "a Coulomb gas: samples, and its equilibrium measure for n -> infinity", f"{STUDIES}.gas"),
    Command("campaign run", "plan and run", f"{STUDIES}.campaign", "run_options", "begin"),
    Command(
        "campaign resume", "go on with what is missing", f"{STUDIES}.campaign", "resume_options", "resume"
    ),
    Command("campaign status", "how far it is", f"{STUDIES}.campaign", "status_options", "status"),
    Command("campaign report", "a page of its results", f"{STUDIES}.campaign", "report_options", "report"),
    Command(
        "advise",
        "which learning rate to take at another batch size, from a measured grid",
        f"{STUDIES}.advice",
    ),
)
