"""What the commands have in common: where they run, their options, names, and how they print."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mbdl_repro import catalogue
from mbdl_repro.catalogue import FunctionInfo, MethodInfo
from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiments import reading
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.scale import Scale
from mbdl_repro.pipeline.caches import DEVICES
from mbdl_repro.reporting import tables
from mbdl_repro.store.files import table_to_bytes, write_bytes

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("text", "csv", "markdown", "latex")


class Command(click.Command):
    """A command that runs in the project's root, and tells a mistake in one message."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        try:
            stop_outside_root()
            return super().invoke(ctx)
        except UserError as error:
            raise click.ClickException(str(error)) from None


class Commands(click.Group):
    """The group of all commands."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find a command by its name.

        Args:
            ctx: click's state of this call.
            args: what was typed: the name, and what follows it.

        Raises:
            UsageError: no command has this name; the message says which is near.
        """
        if args[0] not in self.commands:
            raise click.UsageError(f"no command {args[0]!r}; {one_of(args[0], self.commands)}", ctx)
        return super().resolve_command(ctx, args)


def stop_outside_root() -> None:
    """Refuse to run anywhere but in the project's root folder."""
    folder = reading.EXPERIMENTS
    if folder.is_dir():
        return
    here = Path.cwd()
    above = next((parent for parent in here.parents if (parent / folder).is_dir()), None)
    raise UserError(
        f"this folder has no {folder}: run mbdl in the project's root folder"
        + (f", {above}" if above else ", the one that holds the Snakefile")
    )


# Options ----------------------------------------------------------------------------------------


def scale_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option ``--scale``, as its argument ``scale_name``."""
    return click.option(
        "--scale",
        "scale_name",
        default="full",
        show_default=True,
        help="Whose results are read: a file of workflow/scales.",
    )(command)


def device_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option ``--device``, as its argument ``device_name``."""
    return click.option(
        "--device",
        "device_name",
        type=click.Choice(DEVICES),
        default="cpu",
        show_default=True,
        help="The kind of device that the run is given.",
    )(command)


def format_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--format`` and ``--output``, as its arguments ``form`` and ``output``."""
    form = click.option("--format", "form", type=click.Choice(FORMATS), default="text")
    output = click.option("--output", type=click.Path(path_type=Path), help="Write to this file.")
    return form(output(command))


# Names ------------------------------------------------------------------------------------------


def stop_unless(name: str, allowed: Iterable[str], kind: str) -> None:
    """Refuse a name that is not among those that there are.

    Args:
        name: as it was typed.
        allowed: the names that there are.
        kind: what they name, as the message calls it: ``metric``.

    Raises:
        UserError: it is not; the message says which is near.
    """
    allowed = list(allowed)
    if name not in allowed:
        raise UserError(f"no {kind} {name!r}; {one_of(name, allowed)}")


def areas_named(area: str | None) -> tuple[str, ...]:
    """Return the area of this name, or all of them where none is named."""
    if area is None:
        return catalogue.areas()
    stop_unless(area, catalogue.areas(), "area")
    return (area,)


def infos_of(area: str) -> dict[str, MethodInfo | FunctionInfo]:
    """Return what the catalogue knows of an area's methods, metrics and bounds, by name."""
    return {**catalogue.methods(area), **catalogue.metrics(area), **catalogue.bounds(area)}


def experiment_named(name: str, scale: Scale) -> Experiment:
    """Read the experiment of this name, or of the only name that begins so.

    Args:
        name: of the experiment's file, in full or its beginning.
        scale: at which it is read.

    Raises:
        UserError: no name begins so, or several do.
    """
    known = reading.names()
    matching = [name] if name in known else [one for one in known if one.startswith(name)]
    if len(matching) != 1:
        raise UserError(f"no experiment {name!r}; {one_of(name, known)}")
    return reading.load(matching[0], scale)


# Output -----------------------------------------------------------------------------------------


def deliver(
    frame: pd.DataFrame, head: list[str], rows: list[list[str]], form: str, output: Path | None
) -> None:
    """Print a table in the format asked for, or write it to a file.

    Args:
        frame: the table with its exact values, for CSV.
        head: names of the columns, as people read them.
        rows: cells of the table, as people read them; each row as long as ``head``.
        form: one of ``FORMATS``.
        output: the file, or ``None`` to print.
    """
    if form == "csv":
        text = table_to_bytes(frame).decode()
    elif form == "markdown":
        text = tables.as_markdown(head, rows)
    elif form == "latex":
        text = tables.as_latex(head, rows)
    else:
        text = tables.as_text(head, rows)
    write(text, output)


def write(text: str, output: Path | None) -> None:
    """Print a text, or write it to a file without its colours.

    Args:
        text: with its last line ended.
        output: the file, or ``None`` to print.
    """
    if output is None:
        show(text)
    else:
        write_bytes(output, click.unstyle(text).encode())
        click.echo(f"wrote {output}", err=True)


def bold(text: str) -> str:
    """Return a text in bold letters, for the terminal."""
    return click.style(text, bold=True)


def show(text: str) -> None:
    """Print a text that ends its own last line."""
    click.echo(text, nl=False)
