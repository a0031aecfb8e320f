"""The command that draws a figure, or one of its panels, for a page or for a slide."""

from __future__ import annotations

from pathlib import Path

import click

from mbdl_repro.cli.shared import Command, experiment_named, scale_option, stop_unless
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading
from mbdl_repro.figures.files import FORMATS
from mbdl_repro.figures.style import STYLES
from mbdl_repro.store.files import write_bytes
from mbdl_repro.store.paths import Store


@click.command(cls=Command)
@click.argument("experiment_name", metavar="EXPERIMENT")
@click.option("--panel", type=int, help="Only this panel, counted from 1.")
@click.option("--style", default="paper", show_default=True, help="paper, or talk for a slide.")
@click.option("--format", "form", default="png", show_default=True, help="png, pdf or svg.")
@click.option("--output", type=click.Path(path_type=Path), help="Write to this file.")
@scale_option
def figure(
    experiment_name: str,
    panel: int | None,
    style: str,
    form: str,
    output: Path | None,
    scale_name: str,
) -> None:
    """Draw an experiment's figure, or a panel of it, from its table."""
    scale = reading.load_scale(scale_name)
    experiment = experiment_named(experiment_name, scale)
    stop_unless(style, STYLES, "style")
    stop_unless(form, FORMATS, "format")
    panels = experiment.panels
    if panel is not None:
        if not 1 <= panel <= len(panels):
            titles = ", ".join(f"{i} ({one.title})" for i, one in enumerate(panels, 1))
            raise UserError(f"no panel {panel} of {experiment.name}; allowed: {titles}")
        panels = panels[panel - 1 : panel]
    from mbdl_repro.pipeline.stages import draw  # matplotlib takes half a second

    frame = experiment.figure
    if panel is not None:
        frame = frame.model_copy(update={"columns": 1})
    images = draw.drawn(
        panels, frame, draw.read_sources(experiment, Store.of(scale)), (form,), style
    )
    part = "" if panel is None else f"-{panel}"
    path = output or Path(f"{experiment.name}{part}.{form}")
    write_bytes(path, images[form])
    click.echo(f"wrote {path}", err=True)
