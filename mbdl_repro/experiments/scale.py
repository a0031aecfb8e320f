"""A scale: how much of every experiment is run, and where its results lie."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from mbdl_repro.contract.scenario import Scenario
from mbdl_repro.contract.table import N_EXAMPLES, Point, distinct
from mbdl_repro.experiments.experiment import Experiment, MethodEntry
from mbdl_repro.experiments.places import fewer_places, moved_panel, spread
from mbdl_repro.experiments.schema import Block, Count, Samples, Text

Format = Literal["png", "pdf", "svg"]


class AtMost(Block):
    """Caps that a scale puts on every experiment; ``null`` caps nothing."""

    seeds: Count | None = None
    """Seeds: whole blocks of them, or a part of one."""
    n_train: Count | None = None
    """Training pairs of a fit."""
    validation: Count | None = None
    """Validation pairs of a seed."""
    test: Annotated[int, Field(ge=N_EXAMPLES)] | None = None
    """Test signals of a seed, of which figures show the first few."""
    n_steps: Count | None = None
    """Time steps of a trajectory, where a scenario has such."""
    steps: Count | None = None
    """Gradient steps of a fit, also of one that methods share."""
    iterations: Count | None = None
    """Iterations of a method: settings that count them, depths, and those that are recorded."""
    choices: Count | None = None
    """Combinations of values that a fit chooses its tuned settings from."""
    values_per_sweep: Annotated[int, Field(ge=2)] | None = None
    """Points of the sweep, and of the test sweep, sizes of training sets, and depths: the first
    and the last of them before others, and more where a panel would show nothing else."""


class ScaleFrame(Block):
    """The top level of a scale file."""

    about: Text
    results: Text
    figures: Text
    figure_formats: list[Format] = Field(default=["png"])
    """Kinds of file that each figure is written as."""
    at_most: dict[str, Any] = Field(default_factory=dict)

    @field_validator("figure_formats")
    @classmethod
    def _with_png(cls, formats: list[Format]) -> list[Format]:
        if "png" not in formats or len(set(formats)) < len(formats):
            raise ValueError(
                f"{formats}: should name png, which the report shows, and each format once; "
                "allowed: png, pdf, svg"
            )
        return formats


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much is run, and where it is put: never a matter of science."""

    name: str
    about: str
    results: str
    figures: str
    at_most: AtMost = dataclasses.field(default_factory=AtMost)
    figure_formats: tuple[str, ...] = ("png",)


def at_scale(experiment: Experiment, scale: Scale) -> Experiment:
    """Return an experiment of which no more is run than a scale allows.

    Args:
        experiment: as its file has it.
        scale: the caps. None of them raises anything.
    """
    cap = scale.at_most
    smaller = _smaller(experiment, cap)
    seeds, block = _whole_blocks(experiment, cap.seeds)
    runs, test_points = fewer_places(experiment, cap.values_per_sweep)
    capped = dataclasses.replace(
        experiment,
        scenario=_of_fewer_steps(experiment.scenario, smaller),
        runs=distinct((smaller(point), smaller({"n_train": n})["n_train"]) for point, n in runs),
        test_points=distinct(smaller(point) for point in test_points),
        methods={label: _method(entry, cap) for label, entry in experiment.methods.items()},
        n_seeds=seeds,
        block=block,
        samples=Samples(
            validation=_least(experiment.samples.validation, cap.validation),
            test=_least(experiment.samples.test, cap.test),
        ),
        trace=distinct(_least(k, cap.iterations) for k in experiment.trace),
    )
    panels = [moved_panel(panel, experiment, capped, smaller) for panel in experiment.panels]
    return dataclasses.replace(capped, panels=panels)


def _method(entry: MethodEntry, cap: AtMost) -> MethodEntry:
    counting = {"iterations", entry.info.counted_by}

    def fewer(name: str, values: list[Any]) -> list[Any]:
        return [_least(v, cap.iterations) for v in values] if name in counting else values

    steps = _least(entry.recipe.steps, cap.steps)
    depths = spread(entry.depths, cap.values_per_sweep)
    return dataclasses.replace(
        entry,
        recipe=entry.recipe.model_copy(update={"steps": steps}),
        settings={name: fewer(name, [value])[0] for name, value in entry.settings.items()},
        tune=_fewer_choices({n: distinct(fewer(n, v)) for n, v in entry.tune.items()}, cap.choices),
        depths=distinct(_least(depth, cap.iterations) for depth in depths),
    )


def _fewer_choices(tune: dict[str, list[Any]], most: int | None) -> dict[str, list[Any]]:
    """Return values of which there are at most so many combinations, spread in each list."""
    if most is None:
        return tune
    fewer = {}
    for name, values in tune.items():
        fewer[name] = spread(values, most)
        most //= len(fewer[name])
    return fewer


def _smaller(experiment: Experiment, cap: AtMost) -> Callable[[Point], Point]:
    """Return a function of columns' values that puts the sizes that are run in place of others."""
    most = {"n_train": cap.n_train, "n_steps": cap.n_steps}

    def smaller(point: Point) -> Point:
        return {
            name: _least(value, most.get(name.removeprefix("test_")))
            for name, value in point.items()
        }

    if experiment.measured is not None:
        most["n_steps"] = None
        return smaller
    try:
        for point in experiment.points:
            truth = dataclasses.replace(experiment.scenario, **point)
            for belief in experiment.beliefs.values():
                _of_fewer_steps(truth.believed(**belief), smaller)
    except ValueError:  # matrices are given for each step
        most["n_steps"] = None
    return smaller


def _of_fewer_steps(scenario: Scenario, smaller: Callable[[Point], Point]) -> Scenario:
    """Return a scenario whose trajectories, where it has such, have the steps that are run."""
    steps = {name: value for name, value in vars(scenario).items() if name == "n_steps"}
    return dataclasses.replace(scenario, **smaller(steps)) if steps else scenario


def _whole_blocks(experiment: Experiment, most: int | None) -> tuple[int, int]:
    """Return how many seeds are run, and how many of them together.

    A block is the same at every scale, whose seeds then have the same fits as that one's; where
    there are not as many as one, they are a smaller one.
    """
    seeds = _least(experiment.n_seeds, most)
    block = min(experiment.block, seeds)
    return seeds - seeds % block, block


def _least(value: Any, most: int | None) -> Any:
    """Return a number, or the cap if that is less; what is no number (None: no end) stays."""
    return value if most is None or value is None else min(value, most)
