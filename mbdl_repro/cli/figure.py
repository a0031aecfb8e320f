"""The command that draws a figure, or one of its panels, for a page or for a slide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.options import EITHER, Known, comparisons, scale_option
from mbdl_repro.cli.shared import write_files
from mbdl_repro.errors import UserError

if TYPE_CHECKING:
    from mbdl_repro.experiments.scale import Scale


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
        "mbdl figure 6.2_price --style talk",
    ),
)
@click.argument("name", type=EITHER)
@click.option("--panel", type=int, help="Only this panel of an experiment's, counted from 1.")
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
    """Draw the figure of an experiment or a comparison, or one panel, and write it here."""
    from mbdl_repro.experiments import reading

    scale = reading.load_scale(scale_name)
    if name in comparisons():
        if panel is not None:
            raise UserError(f"{name} is a comparison, and drawn whole: leave out --panel")
        image = _of_comparison(name, scale, style, form)
    else:
        image = _of_experiment(name, scale, panel, style, form)
    part = "" if panel is None else f"-{panel}"
    write_files({output or Path(f"{name}{part}.{form}"): image})


def _of_experiment(name: str, scale: Scale, panel: int | None, style: str, form: str) -> bytes:
    """Return the figure of an experiment, or a panel of it, as bytes."""
    from mbdl_repro.experiments import reading
    from mbdl_repro.reporting.made import stop_unless_made
    from mbdl_repro.store.paths import Store

    experiment = reading.load(name, scale)
    panels, frame = experiment.panels, experiment.figure
    if panel is not None:
        if not 1 <= panel <= len(panels):
            titles = ", ".join(f"{i} ({one.title})" for i, one in enumerate(panels, 1))
            raise UserError(f"no panel {panel} of {name}; allowed: {titles}")
        panels = panels[panel - 1 : panel]
        frame = frame.model_copy(update={"columns": 1})
    from mbdl_repro.pipeline.stages import draw  # matplotlib takes half a second

    store = Store.of(scale)
    for path in (store.table(name), store.seed_rows(name)):
        stop_unless_made(path, name, scale.name)
    sources = draw.read_sources(experiment, store)
    return draw.drawn(panels, frame, sources, (form,), style)[form]


def _of_comparison(name: str, scale: Scale, style: str, form: str) -> bytes:
    """Return the figure of a comparison, drawn from its table alone, as bytes."""
    from mbdl_repro.comparisons import reading
    from mbdl_repro.pipeline.stages import compare
    from mbdl_repro.reporting.made import made_table
    from mbdl_repro.store.paths import Store

    comparison = reading.load(name)
    table = made_table(Store.of(scale).comparison(name), name, scale.name)
    return compare.drawn(comparison, table, (form,), style)[form]
