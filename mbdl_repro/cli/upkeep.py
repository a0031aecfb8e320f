"""Commands that say what is made and what would be, and keep it in order."""

from __future__ import annotations

import click

from mbdl_repro.cli.shared import Command, scale_option
from mbdl_repro.store.files import write_bytes


@click.command(cls=Command)
@click.argument("experiments", nargs=-1)
@click.option("-v", "--verbose", is_flag=True, help="Fresh ones and their files, too.")
@scale_option
def status(experiments: tuple[str, ...], verbose: bool, scale_name: str) -> None:
    """Say of every artifact whether it is fresh, stale, damaged or missing, and why."""
    from mbdl_repro.pipeline import status

    status.show_status(scale_name, ",".join(experiments) or None, verbose)


@click.command(cls=Command)
@click.argument("experiments", nargs=-1)
@click.option("--cores", type=click.IntRange(min=1), default=1, show_default=True)
@scale_option
def plan(experiments: tuple[str, ...], cores: int, scale_name: str) -> None:
    """Say what a run would do, and how long that should take."""
    from mbdl_repro.pipeline import status

    status.show_plan(scale_name, ",".join(experiments) or None, cores)


@click.command(cls=Command)
@scale_option
def adopt(scale_name: str) -> None:
    """Take the results that came with the repository for made, so that nothing runs again."""
    from mbdl_repro.pipeline import status

    status.adopt(scale_name)


@click.command(cls=Command)
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be removed.")
@scale_option
def prune(dry_run: bool, scale_name: str) -> None:
    """Remove stored fits, scores and data that no experiment needs any more."""
    from mbdl_repro.pipeline import status

    status.prune(scale_name, dry_run)


@click.command(cls=Command)
def readme() -> None:
    """Write the parts of the README that tell of experiments and results."""
    from mbdl_repro.reporting import readme

    text = readme.README.read_text(encoding="utf-8")
    write_bytes(readme.README, readme.written(text).encode())
