"""The command line: look at what there is, compute, and begin something new."""

from __future__ import annotations

import click

from mbdl_repro.cli.commands import Commands

PARTS = {
    "Look": {
        "examples": "listing",
        "show": "showing",
        "table": "results",
        "verdicts": "verdicts",
        "figure": "figure",
        "methods": "listing",
        "explain": "explaining",
        "choose": "choosing",
    },
    "Compute": {
        "run": "running",
        "estimate": "estimate",
        "plan": "state",
        "status": "state",
    },
    "Begin something new": {"new-experiment": "new_experiment", "new-method": "new_method"},
    "Keep in order": {"prune": "upkeep", "readme": "upkeep", "completion": "completion"},
}
"""The commands under headings, with the module of each."""


@click.command(
    cls=Commands,
    parts=PARTS,
    context_settings={"help_option_names": ["-h", "--help"]},
    examples=(
        "mbdl examples               # what there is",
        "mbdl show 5.06              # one experiment on one screen",
        "mbdl run 5.06 --scale smoke # compute it, small",
    ),
)
@click.version_option(package_name="mbdl-repro", prog_name="mbdl")
def main() -> None:
    """Look at the monograph's experiments, their methods and results, and compute them.

    Names may be cut short, in any capitals: 5.6, LISTA and 5.06_lista name the same experiment.
    """
