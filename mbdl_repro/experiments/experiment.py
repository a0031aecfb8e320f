"""An experiment at a scale, and its expansion into points, fits and specifications."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from mbdl_repro import catalogue
from mbdl_repro.catalogue import MethodInfo
from mbdl_repro.contract.scenario import Scenario
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.schema import AtMost, Book, FigureFrame, Samples
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.statistics.relations import Relation
from mbdl_repro.store.fingerprint import digest

Point = dict[str, Any]


class ToldPoint(Point):
    """The point that a method was fitted at, and the test point that its designer is told of."""

    def __init__(self, point: Point, told: Point) -> None:
        super().__init__(point)
        self.told = told


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much is run, and where it is put: never a matter of science."""

    name: str
    about: str
    results: str
    figures: str
    at_most: AtMost = dataclasses.field(default_factory=AtMost)


@dataclasses.dataclass(frozen=True)
class MethodEntry:
    """A line of the experiment's methods: a method with its belief, settings and recipe."""

    label: str
    info: MethodInfo
    legend: str
    belief: str
    settings: dict[str, Any]
    tune: dict[str, list[Any]]
    depths: list[int]
    """Numbers of iterations, each with a fit of its own; if none, ``settings`` says how many."""
    recipe: Recipe
    jobs: int
    told: bool = False
    """Whether its belief follows the test sweep."""

    @property
    def has_fit(self) -> bool:
        """Whether there is anything to fit: trainable tensors, or settings to be tuned."""
        return self.info.learns or bool(self.tune)

    def settings_at(self, depth: int | None) -> dict[str, Any]:
        """Return the settings of a fit, which is for so many iterations if any are named."""
        return self.settings if depth is None else {**self.settings, "iterations": depth}

    @property
    def settings_not_fitted(self) -> dict[str, Any]:
        """Settings that no fit depends on: labels that differ in them alone share their fits."""
        return {name: self.settings[name] for name in self.info.not_fitted}

    def spec(self, depth: int | None = None) -> dict[str, Any]:
        """Return what its fits depend on, besides data and code."""
        settings = self.settings_at(depth)
        return {
            "method": self.info.module,
            "settings": {k: v for k, v in settings.items() if k not in self.info.not_fitted},
            "tune": self.tune,
            "recipe": self.recipe.model_dump() if self.info.learns else None,
        }


@dataclasses.dataclass(frozen=True)
class Place:
    """A cell of the table that a claim speaks of; ``None`` means the metric's final value."""

    method: str
    at: Point
    iteration: int | None
    metric: str


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

    def __str__(self) -> str:
        """Return it as messages name it, for example ``noise_std=0.1 n_train=100 seeds 0-49``."""
        parts = [f"{name}={value}" for name, value in self.point.items()]
        parts += [f"n_train={self.n_train}"] if self.n_train else []
        parts += [f"iterations={self.depth}"] if self.depth else []
        first, last = self.seeds[0], self.seeds[-1]
        return " ".join([*parts, f"seed {first}" if first == last else f"seeds {first}-{last}"])


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A validated experiment at a scale, and its expansion into points, fits and specs."""

    name: str
    path: Path
    book: Book
    area: str
    scenario_name: str
    scenario: Scenario
    beliefs: dict[str, dict[str, Any]]
    runs: list[tuple[Point, int]]
    test_points: list[Point]
    samples: Samples
    n_seeds: int
    block: int
    methods: dict[str, MethodEntry]
    metrics: list[str]
    trace: list[int]
    bounds: list[str]
    figure: FigureFrame
    panels: list[Any]
    claims: list[Claim]
    file: dict[str, Any]
    """The file's whole content, as it was read."""

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

    def scenario_at(self, *overrides: Point) -> Scenario:
        """Return the truth at a point of the sweep, and perhaps of the test sweep."""
        fields: Point = {}
        for override in overrides:
            fields |= override
        return dataclasses.replace(self.scenario, **fields)

    def belief_at(self, label: str, point: Point) -> Scenario:
        """Return what this method's designer believes where it is fitted, or is told of."""
        told = point.told if isinstance(point, ToldPoint) else {}
        return self.scenario_at(point, told).believed(**self.beliefs[self.methods[label].belief])

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

    def largest_n_train(self, point: Point) -> int:
        """Return the size of the training set to draw at a point: the largest one used."""
        return max(n for other, n in self.runs if other == point)

    @property
    def legends(self) -> dict[str, str]:
        """How figures and tables call each method and bound."""
        infos = catalogue.bounds(self.area)
        return {label: entry.legend for label, entry in self.methods.items()} | {
            name: infos[name].marks["label"] for name in self.bounds
        }

    def shown(self, reads: Literal["examples", "history"]) -> list[tuple[str, int]]:
        """Return the methods of whom the figure shows this, each with the place it is shown at."""
        panels = [panel for panel in self.panels if panel.reads == reads]
        return sorted({(label, panel.place) for panel in panels for label in panel.methods})

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

    # What each stage depends on, as plain data ------------------------------------------------

    def scenario_spec(self, *overrides: Point) -> dict[str, Any]:
        """Return the truth at a point as plain data."""
        fields = dataclasses.asdict(self.scenario_at(*overrides))
        return {"scenario": f"{self.area}.{self.scenario_name}", **fields}

    def data_spec(self, fit: Fit, test_point: Point | None = None) -> dict[str, Any]:
        """Return what the data of a block of seeds depend on."""
        if test_point:
            return {
                "truth": self.scenario_spec(fit.point, test_point),
                "seeds": fit.seeds,
                "sizes": {"test": self.samples.test},
            }
        if isinstance(fit.point, ToldPoint):
            # Only a fit asks for these; and one at a told point would not be what was tuned.
            raise UserError(
                f"{self.name}: a fit at {fit} is missing: remove {self.name} in results/models "
                "and run snakemake again"
            )
        return {
            "truth": self.scenario_spec(fit.point),
            "seeds": fit.seeds,
            "sizes": {
                "train": self.largest_n_train(fit.point),
                "validation": self.samples.validation,
                "test": self.samples.test,
            },
        }

    def fit_spec(self, label: str, fit: Fit) -> dict[str, Any]:
        """Return what a fit depends on."""
        entry = self.methods[label]
        return {
            **entry.spec(fit.depth),
            "belief": dataclasses.asdict(self.belief_at(label, dict(fit.point))),
            "truth": self.scenario_spec(fit.point) if entry.has_fit else None,
            "n_train": fit.n_train,
            "n_validation": self.samples.validation if entry.has_fit else None,
            "seeds": fit.seeds,
        }

    def score_spec(self, label: str, fit: Fit, test_point: Point) -> dict[str, Any]:
        """Return what the scores of a fit depend on."""
        answers = self.methods[label].settings_not_fitted
        told = None
        if isinstance(fit.point, ToldPoint):
            told = dataclasses.asdict(self.belief_at(label, fit.point))
        return {
            "fit": self.fit_spec(label, fit),
            **({"answers": answers} if answers else {}),
            **({"told": told} if told else {}),
            "truth": self.scenario_spec(fit.point, test_point),
            "n_test": self.samples.test,
            "metrics": self.metrics,
            "trace": self.recorded(label, fit),
        }

    def recorded(self, row: str, fit: Fit | None = None) -> list[int]:
        """Return the iterations whose estimates are measured, of this method or bound.

        Of a method that has a fit for each of several numbers of iterations, or one such fit,
        these are recorded and nothing on the way there.
        """
        if row in self.bounds:
            along = "iteration" in catalogue.bounds(self.area)[row].arguments
            return self.trace if along else []
        entry = self.methods[row]
        if entry.depths:
            return entry.depths if fit is None or fit.depth is None else [fit.depth]
        if not entry.info.iterative:
            return []
        counted_by = entry.info.counted_by
        most = None if counted_by is None else entry.settings.get(counted_by)
        return [k for k in self.trace if most is None or k <= most]

    def bound_spec(self, name: str, fit: Fit, test_point: Point) -> dict[str, Any]:
        """Return what the values of a bound depend on."""
        along = "iteration" in catalogue.bounds(self.area)[name].arguments
        return {
            "bound": name,
            "tested": self.data_spec(fit, test_point or None),
            "fitted": self.data_spec(fit),
            "n_train": fit.n_train,
            "trace": self.trace if along else None,
        }

    def scorings(self, label: str) -> list[tuple[Fit, Point]]:
        """Return each fit of a method with each point that it is tested at."""
        scorings = [(fit, at) for fit in self.fits(label) for at in self.test_points or [{}]]
        if not self.methods[label].told:
            return scorings
        return [
            (dataclasses.replace(fit, point=ToldPoint(fit.point, at)), at) for fit, at in scorings
        ]

    def boundings(self) -> list[tuple[str, Fit, Point]]:
        """Return each bound with each fit's place and each point that it is tested at."""
        found = []
        for name in self.bounds:
            runs = self.runs
            if not uses_n_train(self, name):
                runs = [(point, 0) for point in self.points]
            found += [
                (name, Fit(point, n, seeds), test_point)
                for point, n in runs
                for seeds in self.blocks
                for test_point in self.test_points or [{}]
            ]
        return found

    def job_spec(self, verb: str, label: str | None = None) -> dict[str, Any]:
        """Return the slice of the experiment that a job stands on, as plain data."""
        data = {
            "scenario": self.scenario_spec(),
            "runs": self.runs,
            "test_points": self.test_points,
            "samples": self.samples.model_dump(),
            "seeds": self.n_seeds,
            "block": self.block,
        }
        if verb == "simulate":
            drawn = [
                self.data_spec(Fit(point, 0, seeds))
                for point in self.points
                for seeds in self.blocks
            ]
            return data | {"cells": _digest(drawn)}
        if label is not None:
            entry = self.methods[label]
            method = {"label": label, **entry.spec(), "belief": self.beliefs[entry.belief]}
            method |= {"depths": entry.depths} if entry.depths else {}
            if verb == "train":
                fits = [self.fit_spec(label, fit) for fit in self.fits(label)]
                return data | {"method": method, "cells": _digest(fits)}
            if verb == "evaluate":
                measured = {"metrics": self.metrics, "trace": self.trace}
                scored = [self.score_spec(label, *scoring) for scoring in self.scorings(label)]
                method |= {"believes": entry.belief}
                return data | {"method": method, "cells": _digest(scored)} | measured
        if verb == "bound":
            bounded = [self.bound_spec(*bounding) for bounding in self.boundings()]
            named = {"bounds": self.bounds, "metrics": self.metrics}
            return data | named | {"cells": _digest(bounded)}
        if verb == "tabulate":
            # All that the table comes from: one that was adopted has no scores to compare with.
            scores = [self.job_spec("evaluate", label) for label in self.methods]
            shown = {kind: self.shown(kind) for kind in ("examples", "history")}
            return {"scores": scores, "bounds": self.bounds, "shown": shown}
        if verb == "verify":
            return {"claims": [dataclasses.asdict(claim) for claim in self.claims]}
        if verb == "draw":
            panels = [panel.model_dump() for panel in self.panels]
            marked = any(getattr(panel, "printed", False) for panel in self.panels)
            spec = self.figure.model_dump() | {"panels": panels, "legends": self.legends}
            if marked:
                spec["printed"] = [(dataclasses.asdict(p), v) for p, v in self.published]
            return spec
        raise ValueError(f"no verb {verb!r}")


def _digest(specs: list[dict[str, Any]]) -> str:
    """Return what changes with any cell's specification, however that came to be made."""
    return digest(canonical(specs))[:24]


def canonical(value: object) -> str:
    """Return plain data as JSON text that is the same whenever the data are."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def book_spec(verb: str, experiments: Mapping[str, Experiment]) -> dict[str, Any]:
    """Return what a job that gathers all experiments stands on, besides its inputs."""
    if verb == "gather":
        return {"experiments": list(experiments)}
    # The report shows docstrings and is laid out by its template; fingerprints know of neither.
    shown = [experiment.docs() for experiment in experiments.values()]
    template = (Path(__file__).parents[1] / "reporting/templates/report.html.j2").read_bytes()
    files = {name: experiment.file for name, experiment in experiments.items()}
    return files | {"docs": digest(canonical(shown)), "template": digest(template)}


def uses_n_train(experiment: Experiment, row: str) -> bool:
    """Return whether the rows of this method or bound depend on the size of the training set."""
    if row in experiment.methods:
        return experiment.methods[row].info.learns
    return "n_train" in catalogue.bounds(experiment.area)[row].arguments


def same(a: object, b: object) -> bool:
    """Return whether two values of a sweep are the same but for rounding in their text."""
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=1e-9)
    return a == b


def distinct(values: Iterable[Any]) -> list[Any]:
    """Return the values in order, each once (they need not be hashable)."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
