"""A scale: how much of every experiment is run, and where its results lie."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

from pydantic import Field

from mbdl_repro.contract.table import distinct
from mbdl_repro.experiments.experiment import Experiment, MethodEntry
from mbdl_repro.experiments.schema import Block, Count, Samples, Text


class AtMost(Block):
    """Caps that a scale puts on every experiment; ``null`` caps nothing."""

    seeds: Count | None = None
    n_train: Count | None = None
    validation: Count | None = None
    test: Count | None = None
    steps: Count | None = None
    values_per_sweep: Annotated[int, Field(ge=2)] | None = None


class ScaleFrame(Block):
    """The top level of a scale file."""

    about: Text
    results: Text
    figures: Text
    at_most: dict[str, Any] = Field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much is run, and where it is put: never a matter of science."""

    name: str
    about: str
    results: str
    figures: str
    at_most: AtMost = dataclasses.field(default_factory=AtMost)


def at_scale(experiment: Experiment, scale: Scale) -> Experiment:
    """Return an experiment of which no more is run than a scale allows.

    Args:
        experiment: as its file has it.
        scale: the caps. None of them raises anything.
    """
    cap = scale.at_most
    seeds, block = _whole_blocks(experiment, cap.seeds)
    capped = dataclasses.replace(
        experiment,
        runs=_runs(experiment, cap),
        methods={label: _method(entry, cap) for label, entry in experiment.methods.items()},
        n_seeds=seeds,
        block=block,
        samples=Samples(
            validation=_least(experiment.samples.validation, cap.validation),
            test=_least(experiment.samples.test, cap.test),
        ),
        test_points=_spread(experiment.test_points, cap.values_per_sweep),
    )
    panels = [_that_is_run(capped, panel) for panel in experiment.panels]
    return dataclasses.replace(capped, panels=panels)


def _runs(experiment: Experiment, cap: AtMost) -> list[tuple[dict[str, Any], int]]:
    points = _spread(experiment.points, cap.values_per_sweep)
    sizes = _spread(distinct(n for _, n in experiment.runs), cap.values_per_sweep)
    return distinct(
        (point, _least(n, cap.n_train))
        for point, n in experiment.runs
        if point in points and n in sizes
    )


def _method(entry: MethodEntry, cap: AtMost) -> MethodEntry:
    steps = _least(entry.recipe.steps, cap.steps)
    return dataclasses.replace(
        entry,
        recipe=entry.recipe.model_copy(update={"steps": steps}),
        depths=_spread(entry.depths, cap.values_per_sweep),
    )


def _whole_blocks(experiment: Experiment, most: int | None) -> tuple[int, int]:
    """Return how many seeds are run, and how many of them together.

    A block is the same at every scale, whose seeds then have the same fits as that one's; where
    there are not as many as one, they are a smaller one.
    """
    seeds = _least(experiment.n_seeds, most)
    block = min(experiment.block, seeds)
    return seeds - seeds % block, block


def _that_is_run(experiment: Experiment, panel: Any) -> Any:
    """Return a panel that shows the last place that there is, where that of the file is not run."""
    if panel.reads != "examples":
        return panel
    last = min(experiment.n_places(label) for label in panel.methods) - 1
    return panel.model_copy(update={"place": min(panel.place, last)})


def _least(value: int, most: int | None) -> int:
    return value if most is None else min(value, most)


def _spread(values: list[Any], most: int | None) -> list[Any]:
    """Return at most so many of the values, the first and the last among them."""
    if most is None or len(values) <= most:
        return values
    step = (len(values) - 1) / (most - 1)
    return [values[round(i * step)] for i in range(most)]
