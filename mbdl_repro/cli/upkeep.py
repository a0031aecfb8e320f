"""Commands that keep the project in order."""

from __future__ import annotations

import click

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.options import scale_option
from mbdl_repro.cli.shared import write_files


@click.command(cls=Command, examples=("mbdl prune --dry-run",))
@click.option("-n", "--dry-run", is_flag=True, help="Only say how much would be removed.")
@scale_option
def prune(dry_run: bool, scale_name: str) -> None:
    """Remove stored fits, scores and data that no experiment needs any more."""
    from mbdl_repro.pipeline import upkeep

    files, size = upkeep.prune(scale_name, dry_run=dry_run)
    click.echo(f"{'would remove' if dry_run else 'removed'} {files} files, {size / 1e6:.1f} MB")


@click.command(cls=Command, examples=("mbdl readme",))
def readme() -> None:
    """Write what results say into the README and the pages of docs/results."""
    from mbdl_repro.reporting import readme

    write_files(dict(readme.pages()))
