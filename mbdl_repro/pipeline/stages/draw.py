"""Draw an experiment's figure from its table and a few stored examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np

matplotlib.use("agg")  # before pyplot: no screen is needed, and bytes are the same everywhere

from matplotlib import pyplot as plt

from mbdl_repro import catalogue
from mbdl_repro.contract.family import Family
from mbdl_repro.experiments.schema import FigureFrame
from mbdl_repro.figures import draw_panel
from mbdl_repro.figures.panel import Sources
from mbdl_repro.figures.style import RC, lay_out, legend_below, row_styles, to_bytes
from mbdl_repro.pipeline.job import Job
from mbdl_repro.store.records import read_arrays, read_table

if TYPE_CHECKING:
    import pandas as pd

    from mbdl_repro.experiments.experiment import Experiment

PANEL_INCHES = (4.6, 3.3)


def draw(job: Job) -> None:
    """Draw the panels side by side over one legend; write it in the formats of the scale."""
    experiment, store = job.experiment, job.store
    infos = catalogue.metrics(experiment.area)
    sources = sources_of(
        experiment,
        {name: infos[name].marks["label"] for name in experiment.metrics},
        read_table(store.table(experiment.name)),
        read_table(store.seed_rows(experiment.name)),
        read_arrays(store.shown(experiment.name)),
        read_table(store.histories(experiment.name)),
    )
    images = drawn(experiment.panels, experiment.figure, sources, store.figure_formats)
    job.save({store.figure(experiment.name, kind): image for kind, image in images.items()})


def sources_of(
    experiment: Experiment,
    labels: Mapping[str, str],
    table: pd.DataFrame,
    seed_table: pd.DataFrame,
    shown: Mapping[str, np.ndarray],
    histories: pd.DataFrame,
) -> Sources:
    """Return what the panels of an experiment's figure may read.

    Args:
        experiment: whose figure it is.
        labels: how axes spell the metrics.
        table: the summary over seeds.
        seed_table: the rows of each seed.
        shown: examples, each array after its method's label, or without one where all share it.
        histories: of training, a row a step.
    """
    families = {label: entry.info.family for label, entry in experiment.methods.items()}
    families |= dict.fromkeys(experiment.bounds, Family.BOUND)
    return Sources(
        table=table,
        examples={label: _of_method(shown, label) for label in experiment.methods},
        styles=row_styles(families, experiment.legends),
        labels={**labels, "n_train": "number of training pairs", "iteration": "iteration"},
        seed_table=seed_table,
        histories=histories,
        published=experiment.published,
    )


def drawn(
    panels: Sequence[Any], frame: FigureFrame, sources: Sources, formats: Sequence[str]
) -> dict[str, bytes]:
    """Draw panels side by side over one legend.

    Args:
        panels: what each shows, in the order of the file.
        frame: how many columns of panels, and of the legend, there are.
        sources: what the panels read.
        formats: kinds of file that it is written as: ``png``, ``pdf``, ``svg``.

    Returns:
        The bytes of the figure, by kind of file.
    """
    columns = frame.columns or min(len(panels), 3)
    width = PANEL_INCHES[0] * columns
    rows = list(_rows(panels, columns))
    heights = [row[0].height(width) if row[0].wide else PANEL_INCHES[1] for row in rows]
    with plt.rc_context(RC):
        figure = plt.figure(figsize=(width, sum(heights) + 0.6))
        blocks = _blocks(rows)
        inches = [sum(heights[i] for i in block) for block in blocks]
        # Wide panels keep to themselves: labels of others shall not push them aside.
        parts = (
            figure.subfigures(len(blocks), 1, height_ratios=inches, squeeze=False)[:, 0]
            if len(blocks) > 1
            else [figure]
        )
        for part, block in zip(parts, blocks, strict=True):
            wide = rows[block[0]][0].wide
            across = 1 if wide else columns
            ratios = [heights[i] for i in block]
            grid = part.add_gridspec(len(block), across, height_ratios=ratios)
            for i, row in enumerate(rows[k] for k in block):
                for j, panel in enumerate(row):
                    axes = part.add_subplot(grid[i, j], projection=panel.projection)
                    draw_panel(axes, panel, sources)
        legend_below(figure, frame.legend_columns)
        lay_out(figure)
        images = {kind: to_bytes(figure, kind) for kind in formats}
        plt.close(figure)
    return images


def _rows(panels: Sequence[Any], columns: int) -> Iterator[list[Any]]:
    """Yield the panels row by row; one that is wide has a row of its own."""
    row: list[Any] = []
    for panel in panels:
        if row and (panel.wide or len(row) == columns):
            yield row
            row = []
        row.append(panel)
        if panel.wide:
            yield row
            row = []
    if row:
        yield row


def _blocks(rows: Sequence[Sequence[Any]]) -> list[list[int]]:
    """Return the rows in blocks that are laid out together: all, or each where one is wide."""
    every = list(range(len(rows)))
    return [[i] for i in every] if any(row[0].wide for row in rows) else [every]


def _of_method(arrays: Mapping[str, np.ndarray], label: str) -> dict[str, np.ndarray]:
    """Return a method's examples: ``x_0``, ``s_0``, which it may share, and ``estimate_0``."""
    common = {name: array for name, array in arrays.items() if "/" not in name}
    prefix = f"{label}/"
    own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
    return common | own
