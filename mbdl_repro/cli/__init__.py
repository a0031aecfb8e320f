"""The command line: look at what there is, keep it up, and begin something new."""

from __future__ import annotations

import click

from mbdl_repro.cli import figure, listing, new_method, results, upkeep
from mbdl_repro.cli.shared import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mbdl-repro", prog_name="mbdl")
def main() -> None:
    """Look at the monograph's experiments, their methods and results."""


COMMANDS = (
    listing.examples,
    listing.methods,
    listing.explain,
    results.table,
    results.verdicts,
    figure.figure,
    upkeep.status,
    upkeep.plan,
    upkeep.prune,
    upkeep.readme,
    new_method.new_method,
)
for command in COMMANDS:
    main.add_command(command)
