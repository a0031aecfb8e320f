"""An experiment at a scale, and its expansion into points, fits, and what is scored where."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from mbdl_repro import catalogue
from mbdl_repro.catalogue import MethodInfo
from mbdl_repro.contract.measure import unit_of
from mbdl_repro.contract.scenario import Scenario
from mbdl_repro.contract.table import Place, Point, distinct
from mbdl_repro.experiments.measured import Measured
from mbdl_repro.experiments.schema import Book, FigureFrame, Role, Samples
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.statistics.relations import Relation, Scale, Written, scale_of


@dataclasses.dataclass(frozen=True)
class MethodEntry:
    """A line of the experiment's methods: a method with its belief, settings and recipe."""

    label: str
    info: MethodInfo
    legend: str
    belief: str
    settings: dict[str, Any]
    tune: dict[str, list[Any]]
    flat_beyond: dict[str, str]
    """Settings whose best value may be an end of what is tried, ``low`` or ``high``: the error on
    validation is flat beyond it."""
    depths: list[int]
    """Numbers of iterations, each with a fit of its own; if none, ``settings`` says how many."""
    recipe: Recipe
    jobs: int
    genie_aided: bool = False
    """Whether its belief follows the test sweep."""

    @property
    def has_fit(self) -> bool:
        """Whether there is anything to fit: trainable tensors, or settings to be tuned."""
        return self.info.learns or bool(self.tune)

    @property
    def most_iterations(self) -> int | None:
        """How many iterations its settings allow; ``None`` where no setting says so."""
        counted_by = self.info.counted_by
        return self.settings.get(counted_by) if counted_by else None

    def settings_at(self, depth: int | None) -> dict[str, Any]:
        """Return the settings of a fit, which is for so many iterations if any are named."""
        counted_by = self.info.counted_by
        return self.settings if depth is None else {**self.settings, str(counted_by): depth}

    @property
    def settings_not_fitted(self) -> dict[str, Any]:
        """Settings that no fit depends on: labels that differ in them alone share their fits."""
        return {name: self.settings[name] for name in self.info.not_fitted}


@dataclasses.dataclass(frozen=True)
class Claim:
    """An inequality between two places, or a place and a number, at each of some points."""

    says: str
    source: str
    kind: Literal["claim", "published"]
    metric: str
    relation: Relation
    pairs: list[tuple[Place, Place | float]]
    factor: float
    offset: float
    tolerance: float | None
    written: Written = "after"
    remark: str | None = None
    printed: bool = True
    along: str | None = None
    """The column along which two curves cross, of which the pairs are the points."""
    location: float = 0.0
    """What the place of the crossing is compared with."""
    rises: bool = True
    """Whether the left curve goes above the other there, or below it."""


@dataclasses.dataclass(frozen=True)
class Fit:
    """One unit of work: a point of the sweep, a size of the training set, a block of seeds."""

    point: Point
    n_train: int
    seeds: tuple[int, ...]
    depth: int | None = None
    """Number of iterations that it is for, where the method has a fit for each of several."""
    genie_point: Point | None = None
    """The test point that a genie-aided method, fitted at ``point``, is built anew for."""

    def __str__(self) -> str:
        """Return it as messages name it, for example ``noise_std=0.1 n_train=100 seeds 0-49``."""
        parts = [f"{name}={value}" for name, value in self.point.items()]
        parts += [f"n_train={self.n_train}"] if self.n_train else []
        parts += [f"iterations={self.depth}"] if self.depth else []
        first, last = self.seeds[0], self.seeds[-1]
        return " ".join([*parts, f"seed {first}" if first == last else f"seeds {first}-{last}"])


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A validated experiment at a scale, and its expansion into points, fits and scorings."""

    name: str
    path: Path
    book: Book
    area: str
    scenario_name: str
    scenario: Scenario
    measured: Measured | None
    """Pairs in place of those that the scenario would draw."""
    beliefs: dict[str, dict[str, Any]]
    runs: list[tuple[Point, int]]
    """Points of the sweep, each with sizes of the training set; 0 where nothing learns."""
    test_points: list[Point]
    samples: Samples
    n_seeds: int
    block: int
    """How many seeds are simulated, fitted and scored together."""
    methods: dict[str, MethodEntry]
    metrics: list[str]
    trace: list[int]
    """Numbers of iterations whose estimates are measured."""
    bounds: list[str]
    figure: FigureFrame
    panels: list[Any]
    claims: list[Claim]
    roles: list[Role]
    """What it stands for in comparisons of several experiments."""
    file: dict[str, Any]
    """The file's whole content, as it was read."""

    # Points -----------------------------------------------------------------------------------

    @cached_property
    def points(self) -> list[Point]:
        """The distinct points of the sweep, in the order of the file."""
        return distinct(point for point, _ in self.runs)

    @cached_property
    def blocks(self) -> list[tuple[int, ...]]:
        """The seeds, in blocks that are simulated, fitted and scored together."""
        seeds = range(self.n_seeds)
        return [tuple(seeds[i : i + self.block]) for i in range(0, self.n_seeds, self.block)]

    @property
    def sweep_columns(self) -> list[str]:
        """Names of the swept fields: columns of the table."""
        return list(self.points[0])

    @property
    def test_columns(self) -> list[str]:
        """Names of the columns that say where off its training point a method was tested."""
        return [f"test_{name}" for name in self.test_points[0]] if self.test_points else []

    @cached_property
    def places(self) -> list[Point]:
        """The columns of the table that tell its places apart, as each place has them."""
        tests = [{f"test_{k}": v for k, v in p.items()} for p in self.test_points or [{}]]
        return [{**point, "n_train": n, **test} for point, n in self.runs for test in tests]

    @cached_property
    def columns(self) -> dict[str, list[Any]]:
        """The values of each of these columns; without ``n_train`` where nothing learns."""
        values = {
            name: distinct(place[name] for place in self.places if name != "n_train" or place[name])
            for name in [*self.sweep_columns, "n_train", *self.test_columns]
        }
        return {name: found for name, found in values.items() if found}

    @cached_property
    def common_parts(self) -> dict[str, dict[str, Any]]:
        """Parts that many of its specifications have in common, by name, as they are found out."""
        return {}

    def scenario_at(self, *overrides: Point) -> Scenario:
        """Return the truth at a point of the sweep, and perhaps of the test sweep."""
        fields: Point = {}
        for override in overrides:
            fields |= override
        return dataclasses.replace(self.scenario, **fields)

    def belief_at(self, label: str, point: Point, genie_point: Point | None = None) -> Scenario:
        """Return what a method's designer believes.

        Args:
            label: the method.
            point: where it is fitted.
            genie_point: the test point that a genie tells of, if one does.
        """
        truth = self.scenario_at(point, genie_point or {})
        return truth.believed(**self.beliefs[self.methods[label].belief])

    # Work -------------------------------------------------------------------------------------

    def uses_n_train(self, row: str) -> bool:
        """Return whether the rows of this method or bound depend on the training set's size."""
        if row in self.methods:
            return self.methods[row].info.learns
        return "n_train" in catalogue.bounds(self.area)[row].arguments

    def fits(self, label: str) -> list[Fit]:
        """Return the fits of a method; one that does not learn has no training sizes.

        Fits to the same data, more or less of them, follow each other.
        """
        entry = self.methods[label]
        learns = entry.info.learns
        return [
            Fit(point, n, seeds, depth)
            for point in self.points
            for seeds in self.blocks
            for n in ([n for other, n in self.runs if other == point] if learns else [0])
            for depth in (*entry.depths,) or (None,)
        ]

    def scorings(self, label: str) -> list[tuple[Fit, Point]]:
        """Return each fit of a method with each point that it is tested at."""
        scorings = [(fit, at) for fit in self.fits(label) for at in self.test_points or [{}]]
        if not self.methods[label].genie_aided:
            return scorings
        return [(dataclasses.replace(fit, genie_point=at), at) for fit, at in scorings]

    @property
    def drawn(self) -> list[tuple[Fit, Point | None]]:
        """What is drawn, place by place: with None what is trained with, then each test set."""
        training = [None] if self.samples.validation or self.learned else []
        return [
            (Fit(point, 0, seeds), test_point)
            for point in self.points
            for seeds in self.blocks
            for test_point in [*training, *(self.test_points or [{}])]
        ]

    def boundings(self) -> list[tuple[str, Fit, Point]]:
        """Return each bound with each fit's place and each point that it is tested at."""
        return [
            (name, Fit(point, n, seeds), test_point)
            for name in self.bounds
            for point, n in (
                self.runs if self.uses_n_train(name) else [(point, 0) for point in self.points]
            )
            for seeds in self.blocks
            for test_point in self.test_points or [{}]
        ]

    def largest_n_train(self, point: Point) -> int:
        """Return the size of the training set to draw at a point: the largest one used."""
        return max(n for other, n in self.runs if other == point)

    def n_places(self, label: str) -> int:
        """Return at how many places a method is scored, of which each stores examples."""
        runs = self.runs if self.methods[label].info.learns else self.points
        return len(runs) * max(1, len(self.test_points))

    def bounded(self, bound: str) -> list[str]:
        """Return the metrics of the experiment that a bound speaks of."""
        known = catalogue.bounds(self.area)[bound].marks["metrics"]
        return [metric for metric in self.metrics if metric in known]

    @cached_property
    def scales(self) -> dict[str, Scale]:
        """How values of each metric compare."""
        known = catalogue.metrics(self.area)
        return {name: scale_of(known[name].marks) for name in self.metrics}

    @property
    def units(self) -> dict[str, str]:
        """The unit of each metric; empty where it has none."""
        known = catalogue.metrics(self.area)
        return {name: unit_of(known[name].marks["label"]) for name in self.metrics}

    def recorded(self, row: str, fit: Fit | None = None) -> list[int]:
        """Return the numbers of iterations after which estimates are measured.

        Of a method that has a fit for each of several numbers of iterations, or one such fit,
        these are recorded and nothing on the way there.

        Args:
            row: a method or a bound.
            fit: one of the method's; ``None``: of all together.
        """
        if row in self.bounds:
            along = "iteration" in catalogue.bounds(self.area)[row].arguments
            return self.trace if along else []
        entry = self.methods[row]
        if entry.depths:
            return entry.depths if fit is None or fit.depth is None else [fit.depth]
        if not entry.info.iterative:
            return []
        most = entry.most_iterations
        return [k for k in self.trace if most is None or k <= most]

    # What is shown ----------------------------------------------------------------------------

    @property
    def legends(self) -> dict[str, str]:
        """How figures and tables call each method and bound."""
        infos = catalogue.bounds(self.area)
        return {label: entry.legend for label, entry in self.methods.items()} | {
            name: infos[name].marks["label"] for name in self.bounds
        }

    @property
    def panels_of_examples(self) -> list[Any]:
        """The panels that show stored examples of methods."""
        return [panel for panel in self.panels if panel.reads == "examples"]

    @property
    def learned(self) -> list[str]:
        """The methods that learn."""
        return [label for label, entry in self.methods.items() if entry.info.learns]

    @property
    def published(self) -> list[tuple[Place, float]]:
        """Numbers that others printed, and where in the table ours stand."""
        return [
            (place, value)
            for claim in self.claims
            if claim.kind == "published" and claim.printed
            for place, value in claim.pairs
            if not isinstance(value, Place)
        ]

    def docs(self) -> list[str]:
        """Return what the methods, metrics and bounds of this experiment say of themselves."""
        measures = catalogue.metrics(self.area) | catalogue.bounds(self.area)
        infos = [measures[name] for name in (*self.metrics, *self.bounds)]
        return [entry.info.doc for entry in self.methods.values()] + [info.doc for info in infos]
