"""The command that draws a figure, or one of its panels, for a page or for a slide."""

from __future__ import annotations

from pathlib import Path

import click

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.options import EXPERIMENT, Known, scale_option
from mbdl_repro.cli.shared import write_files
from mbdl_repro.errors import UserError


def _styles() -> list[str]:
    from mbdl_repro.figures.style import STYLES

    return list(STYLES)


def _formats() -> list[str]:
    from mbdl_repro.figures.files import FORMATS

    return list(FORMATS)


@click.command(
    cls=Command,
    examples=(
        "mbdl figure 5.06_lista",
        "mbdl figure 5.06 --panel 2 --style talk --format svg",
    ),
)
@click.argument("name", metavar="EXPERIMENT", type=EXPERIMENT)
@click.option("--panel", type=int, help="Only this panel, counted from 1.")
@click.option(
    "--style",
    type=Known("style", _styles),
    default="paper",
    show_default=True,
    help="paper, or talk for a slide.",
)
@click.option(
    "--format",
    "form",
    type=Known("format", _formats),
    default="png",
    show_default=True,
    help="png, pdf or svg.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Write to this file.")
@scale_option
def figure(
    name: str,
    panel: int | None,
    style: str,
    form: str,
    output: Path | None,
    scale_name: str,
) -> None:
    """Draw an experiment's figure, or one panel of it, and write it into this folder."""
    from mbdl_repro.experiments import reading
    from mbdl_repro.store.paths import Store

    scale = reading.load_scale(scale_name)
    experiment = reading.load(name, scale)
    panels, frame = experiment.panels, experiment.figure
    if panel is not None:
        if not 1 <= panel <= len(panels):
            titles = ", ".join(f"{i} ({one.title})" for i, one in enumerate(panels, 1))
            raise UserError(f"no panel {panel} of {name}; allowed: {titles}")
        panels = panels[panel - 1 : panel]
        frame = frame.model_copy(update={"columns": 1})
    from mbdl_repro.pipeline.stages import draw  # matplotlib takes half a second

    sources = draw.read_sources(experiment, Store.of(scale))
    images = draw.drawn(panels, frame, sources, (form,), style)
    part = "" if panel is None else f"-{panel}"
    write_files({output or Path(f"{name}{part}.{form}"): images[form]})
