"""Draw an experiment's figure from its table and a few stored examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np

matplotlib.use("agg")  # before pyplot: no screen is needed, and bytes are the same everywhere

from matplotlib import pyplot as plt

from mbdl_repro import catalogue
from mbdl_repro.contract.family import Family
from mbdl_repro.experiments.schema import FigureFrame
from mbdl_repro.figures.files import to_bytes
from mbdl_repro.figures.grid import figure_of
from mbdl_repro.figures.panel import Sources
from mbdl_repro.figures.style import STYLES, row_styles
from mbdl_repro.pipeline.job import Job
from mbdl_repro.store.records import read_arrays, read_table

if TYPE_CHECKING:
    import pandas as pd

    from mbdl_repro.experiments.experiment import Experiment
    from mbdl_repro.store.paths import Store


def draw(job: Job) -> None:
    """Draw the panels, and write them in the formats of the scale."""
    experiment, store = job.experiment, job.store
    images = drawn(
        experiment.panels, experiment.figure, read_sources(experiment, store), store.figure_formats
    )
    job.save({store.figure(experiment.name, kind): image for kind, image in images.items()})


def read_sources(experiment: Experiment, store: Store) -> Sources:
    """Read what the panels of an experiment's figure are drawn from.

    Args:
        experiment: whose figure it is.
        store: where its table and its examples lie.

    Returns:
        What panels may read.
    """
    infos = catalogue.metrics(experiment.area)
    return sources_of(
        experiment,
        {name: infos[name].marks["label"] for name in experiment.metrics},
        read_table(store.table(experiment.name)),
        read_table(store.seed_rows(experiment.name)),
        read_arrays(store.shown(experiment.name)),
        read_table(store.histories(experiment.name)),
        frozenset(name for name in experiment.metrics if infos[name].marks["decibels"]),
    )


def sources_of(
    experiment: Experiment,
    labels: Mapping[str, str],
    table: pd.DataFrame,
    seed_table: pd.DataFrame,
    shown: Mapping[str, np.ndarray],
    histories: pd.DataFrame,
    decibels: frozenset[str] = frozenset(),
) -> Sources:
    """Return what the panels of an experiment's figure may read.

    Args:
        experiment: whose figure it is.
        labels: how axes spell the metrics.
        table: the summary over seeds.
        seed_table: the rows of each seed.
        shown: examples, each array after its method's label, or without one where all share it.
        histories: of training, a row a step.
        decibels: metrics in dB that are averaged as the ratios that they stand for.

    Returns:
        All of it, with a style for each row.
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
        decibels=decibels,
    )


def drawn(
    panels: Sequence[Any],
    frame: FigureFrame,
    sources: Sources,
    formats: Sequence[str],
    style: str = "paper",
) -> dict[str, bytes]:
    """Draw panels, row by row.

    Args:
        panels: what each shows, in the order of the file.
        frame: how many columns of panels there are.
        sources: what the panels read.
        formats: kinds of file that it is written as: ``png``, ``pdf``, ``svg``.
        style: what it is for: ``paper`` or ``talk``.

    Returns:
        The bytes of the figure, by kind of file.
    """
    with plt.rc_context(STYLES[style]):
        figure = figure_of(panels, frame.columns, sources)
        images = {kind: to_bytes(figure, kind) for kind in formats}
        plt.close(figure)
    return images


def _of_method(arrays: Mapping[str, np.ndarray], label: str) -> dict[str, np.ndarray]:
    """Return a method's examples: ``x_0``, ``s_0``, which it may share, and ``estimate_0``."""
    common = {name: array for name, array in arrays.items() if "/" not in name}
    prefix = f"{label}/"
    own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
    return common | own
