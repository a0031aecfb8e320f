"""Experiment files: read, and validated to the last value.

An experiment is one YAML file named after the monograph's example; a scale caps how much of it
is run. Every mistake in a file stops a run before its first job, with one message.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
import typing
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from mbdl_repro import catalogue, figures
from mbdl_repro.catalogue import REQUIRED, MethodInfo
from mbdl_repro.contract.scenario import Scenario
from mbdl_repro.errors import UserError, near, one_of
from mbdl_repro.contract.table import Place, distinct, same
from mbdl_repro.experiments.experiment import Claim, Experiment, MethodEntry, Point, uses_n_train
from mbdl_repro.experiments.scale import Scale
from mbdl_repro.experiments.scale import AtMost
from mbdl_repro.experiments.schema import (
    WORDS,
    Block,
    Book,
    Cell,
    ClaimFrame,
    Count,
    FigureFrame,
    Frame,
    MethodFrame,
    Published,
    Samples,
    ScaleFrame,
)
from mbdl_repro.experiments.strict_yaml import StrictYaml, Where
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.statistics.relations import TOLERANT

EXPERIMENTS = Path("workflow/experiments")
SCALES = Path("workflow/scales")


def names(folder: Path = EXPERIMENTS) -> list[str]:
    """Return the names of all experiments: the files of the folder, in the book's order."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_all(scale: Scale, chosen: str | None = None) -> dict[str, Experiment]:
    """Read all experiments, or those of a comma-separated list of names.

    Raises:
        UserError: naming every mistake in every file, or a name that is not there.
    """
    known = names()
    wanted = [name.strip() for name in str(chosen).split(",")] if chosen else known
    for i, name in enumerate(wanted):
        begun = [other for other in known if other.startswith(name)]
        if name not in known and len(begun) != 1:
            raise UserError(f"no experiment {name!r}; {one_of(name, known)}")
        wanted[i] = name if name in known else begun[0]
    experiments, problems = {}, []
    for name in wanted:
        try:
            experiments[name] = load(name, scale)
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return experiments


def load_scale(name: str) -> Scale:
    """Read a scale file.

    Raises:
        UserError: if there is none of this name, or it holds a mistake.
    """
    known = [path.stem for path in SCALES.glob("*.yaml")]
    if name not in known:
        raise UserError(f"no scale {name!r}; {one_of(name, known)}")
    reader = _Reader(StrictYaml(SCALES / f"{name}.yaml"))
    frame = reader.block(ScaleFrame, reader.yaml.data, ())
    reader.stop_if_problems()
    at_most = reader.block(AtMost, frame.at_most, ("at_most",))
    reader.stop_if_problems()
    return Scale(name, frame.about, frame.results, frame.figures, at_most)


def load(name: str, scale: Scale) -> Experiment:
    """Read, validate and expand one experiment.

    Raises:
        UserError: one message with a line for every mistake: file, line, value, what is allowed.
    """
    return load_file(EXPERIMENTS / f"{name}.yaml", scale)


def load_file(path: Path, scale: Scale) -> Experiment:
    """Read, validate and expand the experiment of this file (see :func:`load`)."""
    return _Reader(StrictYaml(path)).experiment(scale)


class _Reader:
    """Validates a file block by block and collects its mistakes."""

    def __init__(self, yaml: StrictYaml) -> None:
        self.yaml = yaml
        self.problems: dict[str, None] = {}

    def problem(self, where: Where, message: str) -> None:
        self.problems[self.yaml.error(where, message)] = None

    def stop_if_problems(self) -> None:
        if self.problems:
            raise UserError("\n".join(self.problems))

    # Building blocks --------------------------------------------------------------------------

    def block(
        self, model: type[BaseModel], data: Any, where: Where, also: Iterable[str] = ()
    ) -> Any:
        """Validate one block; if there are mistakes, they are noted and None is returned.

        Messages name the block's keys, and those of ``also``, as the ones that are allowed.
        """
        try:
            # As JSON, since there a list may stand for a tuple even where types are strict.
            return model.model_validate_json(json.dumps(data))
        except ValidationError as error:
            for detail in error.errors():
                inner = (*where, *detail["loc"])
                if detail["type"] == "extra_forbidden":
                    self.name(inner[-1], [*model.model_fields, *also], "key", inner)
                elif detail["type"] == "missing":
                    self.missing(inner[-1], data, model.model_fields, where)
                else:
                    self.problem(inner, _expectation(detail))
            return None

    def missing(self, key: Any, given: Iterable[str], known: Iterable[str], where: Where) -> None:
        """Note a missing key, unless an unknown one was meant to be it: that is noted already."""
        if near(key, set(given) - set(known)) is None:
            self.problem(where, f"key {key!r} is missing; {one_of('', known)}")

    def name(self, value: Any, allowed: Iterable[str], kind: str, where: Where) -> bool:
        """Note a name that is not among those allowed."""
        allowed = list(allowed)
        if value in allowed:
            return True
        self.problem(where, f"unknown {kind} {value!r}; {one_of(value, allowed)}")
        return False

    # The experiment ---------------------------------------------------------------------------

    def experiment(self, scale: Scale) -> Experiment:
        if not re.fullmatch(r"[\w.-]+", self.yaml.path.stem):
            self.problem(
                (), f"{self.yaml.path.name!r} names results: use letters, digits, '_', '-' and '.'"
            )
        frame = self.block(Frame, self.yaml.data, ())
        self.stop_if_problems()
        book = self.block(Book, frame.book, ("book",))
        samples = self.block(Samples, frame.samples, ("samples",))
        figure = self.block(FigureFrame, frame.figure, ("figure",))
        self.name(frame.area, catalogue.areas(), "area", ("area",))
        self.stop_if_problems()

        area = frame.area
        scenario_name, scenario = self.scenario(area, frame.scenario)
        self.stop_if_problems()
        beliefs: dict[str, dict[str, Any]] = {"full": {}} | {
            name: self.overrides(type(scenario), changes, ("beliefs", name), withhold=True)
            for name, changes in frame.beliefs.items()
        }
        if "full" in frame.beliefs:
            self.problem(("beliefs", "full"), "'full' is the truth itself: use another name")
        runs = self.sweep(scenario, frame.sweep, "sweep", {"n_train": Count})
        tested = self.sweep(scenario, frame.test_sweep, "test_sweep")
        self.stop_if_problems()
        test_points = [point for point, _ in tested if point]
        self.combinations(scenario, beliefs, distinct(point for point, _ in runs), test_points)
        self.measures(frame)
        methods = self.methods(frame, beliefs, runs)

        assert figure is not None
        full = Experiment(
            name=self.yaml.path.stem,
            path=self.yaml.path,
            book=book,
            area=area,
            scenario_name=scenario_name,
            scenario=scenario,
            beliefs=beliefs,
            runs=runs,
            test_points=test_points,
            samples=samples,
            n_seeds=frame.seeds,
            block=frame.block,
            methods=methods,
            metrics=frame.metrics,
            trace=sorted(frame.trace),
            bounds=frame.bounds,
            figure=figure,
            panels=[],
            claims=[],
            file=self.yaml.data,
        )
        panels = [self.panel(full, p, i) for i, p in enumerate(figure.panels)]
        claims = [self.claim(full, c, i) for i, c in enumerate(frame.claims)]
        claims += [self.published(full, p, i) for i, p in enumerate(frame.published)]
        self.stop_if_problems()
        return _at_scale(dataclasses.replace(full, panels=panels, claims=claims), scale)

    def measures(self, frame: Any) -> None:
        """Check metrics, bounds and recorded iterations."""
        for i, metric in enumerate(frame.metrics):
            self.name(metric, catalogue.metrics(frame.area), "metric", ("metrics", i))
        self.stop_if_problems()
        bounds = catalogue.bounds(frame.area)
        for i, bound in enumerate(frame.bounds):
            if self.name(bound, bounds, "bound", ("bounds", i)):
                measured = bounds[bound].marks["metric"]
                if measured not in frame.metrics:
                    message = f"{bound!r} bounds {measured!r}: add that to metrics, or leave it out"
                    self.problem(("bounds", i), message)
        for key in ("metrics", "bounds", "trace"):
            listed = getattr(frame, key)
            self.no_repeats(listed, [(key, i) for i in range(len(listed))])

    def methods(
        self, frame: Any, beliefs: dict[str, Any], runs: list[tuple[Point, int]]
    ) -> dict[str, MethodEntry]:
        """Check all methods' entries, and that those that learn have data to learn from."""
        methods = {
            label: entry
            for label, data in frame.methods.items()
            if (entry := self.method(frame.area, label, data, beliefs, frame)) is not None
        }
        self.stop_if_problems()
        legends = [entry.legend for entry in methods.values()]
        self.no_repeats(legends, [("methods", label, "legend") for label in methods], "legend")
        learner = next((e.label for e in methods.values() if e.info.learns), None)
        if learner and any(n == 0 for _, n in runs):
            self.problem(
                ("sweep",) if "sweep" in self.yaml.data else ("methods", learner),
                f"{learner!r} learns from data, so each block of the sweep needs n_train: "
                "a list of training-set sizes, such as n_train: [100]",
            )
        self.stop_if_problems()
        return methods

    def scenario(self, area: str, data: dict[str, Any]) -> tuple[str, Any]:
        """Build the truth."""
        kinds = catalogue.scenarios(area)
        data = dict(data)
        if "kind" not in data and len(kinds) > 1:
            self.missing("kind", (), kinds, ("scenario",))
            return "", None
        name = data.pop("kind", next(iter(kinds)))
        if not self.name(name, kinds, "kind of scenario", ("scenario", "kind")):
            return "", None
        cls = kinds[name]
        given = self.overrides(cls, data, ("scenario",), withhold=False)
        needed = [
            f.name
            for f in dataclasses.fields(cls)
            if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        ]
        for field in needed:
            if field not in data:
                self.missing(field, data, _field_types(cls), ("scenario",))
        self.stop_if_problems()
        try:
            truth = cls(**given)
            truth.sample(1, np.random.default_rng())  # fields that may be left out, not all of them
            return name, truth
        except ValueError as error:
            self.problem(("scenario",), str(error))
            return "", None

    def overrides(
        self, cls: type[Scenario], data: dict[str, Any], where: Where, *, withhold: bool
    ) -> dict[str, Any]:
        """Check fields of a scenario; a belief may withhold one with ``null``."""
        types = _field_types(cls)
        checked = {}
        for name, value in data.items():
            here = (*where, name)
            if not self.name(name, types, "scenario field", here):
                continue
            if value is None and not withhold:
                self.problem(here, "null: the truth knows every field; give a value")
            else:
                checked[name] = self.value(types[name], value, here)
        return checked

    def value(self, kind: Any, value: Any, where: Where) -> Any:
        """Check a value, and return it as this type has it: 1 is the same number as 1.0."""
        adapter = TypeAdapter(kind, config=ConfigDict(allow_inf_nan=False))
        try:
            return adapter.validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            self.problem(where, _expectation(error.errors()[0]))

    def values(self, kind: Any, values: list[Any], where: Where) -> list[Any]:
        """Check the values of a swept field (see :meth:`value`): one or more, and all different."""
        if not values:
            self.problem(where, "[]: should be a list of one or more values")
        places = [(*where, i) for i in range(len(values))]
        self.no_repeats(values, places)
        return [self.value(kind, v, place) for v, place in zip(values, places, strict=True)]

    def sweep(
        self, scenario: Scenario, data: Any, key: str, also: dict[str, Any] | None = None
    ) -> list[tuple[Point, int]]:
        """Expand a sweep: a mapping of lists, or a list of such mappings.

        A field that only others of the mappings speak of keeps the scenario's value.
        """
        blocks = data if isinstance(data, list) else [data]
        types = _field_types(type(scenario)) | (also or {})
        swept = distinct(
            name for b in blocks if isinstance(b, dict) for name in b if name != "n_train"
        )
        runs: list[tuple[Point, int]] = []
        for i, b in enumerate(blocks):
            where: Where = (key, i) if isinstance(data, list) else (key,)
            if not isinstance(b, dict):
                self.problem(where, f"{_shown(b)}: should map fields to lists of values")
                continue
            axes: dict[str, list[Any]] = {}
            for name, values in b.items():
                here = (*where, name)
                if not self.name(name, types, "scenario field", here):
                    continue
                if not isinstance(values, list):
                    self.problem(here, f"{_shown(values)}: should be a list of values")
                else:
                    axes[name] = self.values(types[name], values, here)
            sizes = axes.pop("n_train", [0])
            base = {name: getattr(scenario, name) for name in swept if name in types}
            for point in _product(axes) or [{}]:
                runs += [(base | point, n) for n in sizes]
        if not blocks:
            self.problem((key,), "[]: should hold one block or more; leave it out for none")
        return distinct(runs)

    def combinations(
        self,
        scenario: Scenario,
        beliefs: dict[str, dict[str, Any]],
        points: list[Point],
        test_points: list[Point],
    ) -> None:
        """Note values that are each allowed, and together are not."""
        changes: list[tuple[Where, Point]] = [(("sweep",), {})]
        changes += [(("test_sweep",), point) for point in test_points]
        changes += [(("beliefs", name), belief) for name, belief in beliefs.items()]
        for point, (where, change) in itertools.product(points, changes):
            try:
                dataclasses.replace(scenario, **{**point, **change})
            except ValueError as error:
                at = ", ".join(f"{name} = {value}" for name, value in {**point, **change}.items())
                self.problem(where, f"at {at}: {error}")
                return

    def no_repeats(self, values: list[Any], places: list[Where], kind: str = "value") -> None:
        """Note a value that stands a second time in a list where each has one meaning."""
        for i, (value, where) in enumerate(zip(values, places, strict=True)):
            if any(same(value, other) for other in values[:i]):
                self.problem(where, f"{kind} {_shown(value)} stands twice; each may stand once")

    def method(
        self, area: str, label: str, data: dict[str, Any], beliefs: dict[str, Any], frame: Frame
    ) -> MethodEntry | None:
        """Check a method's entry: its frame, its settings, its tuning grid and its recipe."""
        where: Where = ("methods", label)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", label):
            self.problem(where, f"{label!r} names files: allowed: letters, digits, _ and -")
        infos = catalogue.methods(area)
        reserved = set(MethodFrame.model_fields)
        entry = self.block(MethodFrame, {k: v for k, v in data.items() if k in reserved}, where)
        if entry is None:
            return None
        name = entry.method or label
        if not self.name(name, infos, "method", (*where, "method") if entry.method else where):
            return None
        info = infos[name]
        if label in infos and name != label:
            self.problem(where, f"{label!r} is itself a method: give this entry another name")
        if label in frame.bounds:
            self.problem(where, f"{label!r} is also a bound of this experiment: rename the entry")
        self.name(entry.belief, beliefs, "belief", (*where, "belief"))

        tune: dict[str, list[Any]] = {}
        for key, values in entry.tune.items():
            here = (*where, "tune", key)
            if not self.name(key, info.settings, "setting to tune", here):
                tune[near(key, info.settings) or key] = []
                continue
            if key in data:
                self.problem(here, f"{key!r} is both set and tuned; keep one of the two")
            if not values:
                self.problem(here, "[]: should list the values to choose from")
            self.no_repeats(values, [(*here, i) for i in range(len(values))])
            model = _settings_model(info, {key})
            checked = [self.block(model, {key: value}, (*where, "tune")) for value in values]
            tune[key] = [getattr(settings, key, None) for settings in checked]
        elsewhere = {*tune, *self.depths(info, entry, data, where)}
        given = {k: v for k, v in data.items() if k not in {*reserved, *elsewhere}}
        settings_model = _settings_model(info, info.settings.keys() - elsewhere)
        settings = self.block(settings_model, given, where, also=[*reserved, *info.settings])
        if entry.recipe is not None and not info.learns:
            self.problem((*where, "recipe"), f"{name!r} learns nothing, so it takes no recipe")
        recipe = self.block(Recipe, entry.recipe or {}, (*where, "recipe"))
        if recipe and recipe.supervise == "every_iterate" and not info.iterative:
            words = f"every_iterate: {name!r} has no iterates; allowed: answer"
            self.problem((*where, "recipe", "supervise"), words)
        if recipe and recipe.together and info.fits_itself:
            words = f"true: {name!r} has a fit of its own, and cannot go together with others"
            self.problem((*where, "recipe", "together"), words)
        if entry.told and not frame.test_sweep:
            self.problem((*where, "told"), "true, and nothing is tested off its training point")
        if settings is None or recipe is None:
            return None
        return MethodEntry(
            label=label,
            info=info,
            legend=entry.legend or label.replace("_", " "),
            belief=entry.belief,
            settings=settings.model_dump(),
            tune=tune,
            depths=sorted(entry.depths),
            recipe=recipe,
            jobs=entry.jobs,
            told=entry.told,
        )

    def depths(
        self, info: MethodInfo, entry: MethodFrame, data: dict[str, Any], where: Where
    ) -> list[str]:
        """Check the numbers of iterations that each have a fit; return the setting they give."""
        if not entry.depths:
            return []
        here = (*where, "depths")
        self.no_repeats(entry.depths, [(*here, i) for i in range(len(entry.depths))])
        if not (info.iterative and "iterations" in info.settings):
            self.problem(here, f"{info.name!r} has no setting 'iterations': leave out depths")
        if "iterations" in data or "iterations" in entry.tune:
            message = "depths give the iterations, and so does the key 'iterations': keep one"
            self.problem(here, message)
        return ["iterations"]

    # What speaks of the table -----------------------------------------------------------------

    def panel(self, experiment: Experiment, data: dict[str, Any], i: int) -> Any:
        """Check a panel of the figure: its kind's own keys, and the names that it uses."""
        where: Where = ("figure", "panels", i)
        kinds = figures.panel_kinds()
        if "kind" not in data:
            self.missing("kind", (), kinds, where)
            return None
        kind = data["kind"]
        if not self.name(kind, kinds, "kind of panel", (*where, "kind")):
            return None
        given = {key: value for key, value in data.items() if key != "kind"}
        panel = self.block(kinds[kind], given, where, also=["kind"])
        if panel is None:
            return None
        along = any(experiment.recorded(label) for label in experiment.methods)
        columns = [*_columns(experiment), *(["iteration"] if along else [])]
        for key, allowed, noun in (
            ("x", columns, "column"),
            ("y", experiment.metrics, "metric"),
            ("also", experiment.metrics, "metric"),
            ("methods", experiment.methods, "method"),
            ("bounds", experiment.bounds, "bound"),
        ):
            values = getattr(panel, key, None)
            if isinstance(values, str):
                self.name(values, allowed, noun, (*where, key))
            for j, value in enumerate(values if isinstance(values, list) else []):
                self.name(value, allowed, noun, (*where, key, j))
        self.place(experiment, getattr(panel, "where", {}), (*where, "where"))
        if not self.problems and panel.reads != "table":
            self.stored(experiment, panel, where)
        if not self.problems and hasattr(panel, "y"):
            self.one_line(experiment, panel, where)
        return panel

    def stored(self, experiment: Experiment, panel: Any, where: Where) -> None:
        """Note a method that has no such place as the panel shows, or no training."""
        for j, label in enumerate(panel.methods):
            here = (*where, "methods", j)
            if panel.reads == "history":
                if not experiment.methods[label].info.learns:
                    self.problem(here, f"{label!r} learns nothing: there is no course to show")
                continue
            places = _places(experiment, label)
            if panel.place >= places:
                words = f"{panel.place}: {label!r} is scored at {places}; allowed is 0 to"
                self.problem((*where, "place"), f"{words} {places - 1}")

    def one_line(self, experiment: Experiment, panel: Any, where: Where) -> None:
        """Note a panel that leaves open which of several rows stands at a place on its x axis."""
        tests = [{f"test_{k}": v for k, v in p.items()} for p in experiment.test_points or [{}]]
        rows = [point | {"n_train": n} | test for point, n in experiment.runs for test in tests]
        shown = [r for r in rows if all(same(r[k], v) for k, v in panel.where.items())]
        along = getattr(panel, "x", None)
        rest = distinct({k: v for k, v in row.items() if k != along} for row in shown)
        open_columns = [k for k in rest[0] if len(distinct(r[k] for r in rest)) > 1] if rest else []
        if open_columns:
            self.problem(
                where,
                f"{', '.join(open_columns)} has several values here, and is not x: "
                f"choose one, as in where: {{{open_columns[0]}: {rest[0][open_columns[0]]}}}",
            )

    def place(self, experiment: Experiment, at: dict[str, Any], where: Where) -> None:
        """Check that a point, or points, that are spoken of are run."""
        columns = _columns(experiment)
        for name, given in at.items():
            here = (*where, name)
            if not self.name(name, columns, "column", here):
                continue
            allowed = ", ".join(map(str, columns[name]))
            if given == []:
                self.problem(here, f"[]: should be one value or more; allowed: {allowed}")
            for i, value in enumerate(given if isinstance(given, list) else [given]):
                if not any(same(value, other) for other in columns[name]):
                    message = f"{name} = {_shown(value)} is not run; allowed: {allowed}"
                    self.problem((*here, i) if isinstance(given, list) else here, message)

    def cell(self, experiment: Experiment, metric: str, data: Any, where: Where) -> Cell | None:
        """Check one side of a claim."""
        cell = self.block(Cell, data, where)
        if cell is None:
            return None
        rows = [*experiment.methods, *experiment.bounds]
        if not self.name(cell.method, rows, "method or bound", (*where, "method")):
            return None
        if cell.metric is not None:
            metric = self.metric(experiment, cell.metric, where)
        if cell.method in experiment.bounds:
            bounded = catalogue.bounds(experiment.area)[cell.method].marks["metric"]
            if bounded != metric:
                message = f"{cell.method!r} bounds {bounded!r}, and the claim is on {metric!r}"
                self.problem((*where, "method"), message)
        for name, value in cell.at.items():
            if isinstance(value, list):
                message = f"{value}: should be one value; a claim lists several in its own at"
                self.problem((*where, "at", name), message)
                return None
        self.place(experiment, cell.at, (*where, "at"))
        recorded = experiment.recorded(cell.method)
        if cell.iteration is not None and cell.iteration not in recorded:
            message = f"iteration {cell.iteration} is not recorded; {one_of('', recorded)}"
            self.problem((*where, "iteration"), message)
        return cell

    def metric(self, experiment: Experiment, metric: str | None, where: Where) -> str:
        if metric is not None:
            self.name(metric, experiment.metrics, "metric", (*where, "metric"))
        return metric or experiment.metrics[0]

    def claim(self, experiment: Experiment, data: dict[str, Any], i: int) -> Any:
        """Check a claim, and expand it into the pairs of places that it compares."""
        where: Where = ("claims", i)
        frame = self.block(ClaimFrame, data, where)
        if frame is None:
            return None
        metric = self.metric(experiment, frame.metric, where)
        left = self.cell(experiment, metric, frame.left, (*where, "left"))
        right: Cell | float | None
        if isinstance(frame.right, dict):
            right = self.cell(experiment, metric, frame.right, (*where, "right"))
        elif type(frame.right) in (int, float) and math.isfinite(frame.right):
            right = float(frame.right)
        else:
            words = "should be a finite number, or a mapping such as {method: name}"
            cure = _cure("float_type", frame.right)
            self.problem((*where, "right"), f"{_shown(frame.right)}: {words}{cure}")
            right = None
        self.place(experiment, frame.at, (*where, "at"))
        if frame.relation in TOLERANT and frame.tolerance is None:
            message = f"{frame.relation} needs a tolerance: add the key 'tolerance'"
            self.problem((*where, "relation"), message)
        if frame.relation not in TOLERANT and frame.tolerance is not None:
            tolerant = " and ".join(TOLERANT)
            message = f"{frame.relation} takes no tolerance; only the relations {tolerant} do"
            self.problem((*where, "tolerance"), message)
        if frame.factor != 1 and frame.offset != 0:
            self.problem((*where, "offset"), "a claim takes a factor or an offset, not both")
        if left is None or right is None:
            return None
        if frame.along or frame.rises_above is not None or frame.falls_below is not None:
            return self.crossing(experiment, frame, metric, (left, right), where)
        if left == right:
            self.problem((*where, "right"), "both sides of the claim are the same")
        pairs = [
            (
                _placed(left, point, metric),
                right if isinstance(right, float) else _placed(right, point, metric),
            )
            for point in _product(
                {k: v if isinstance(v, list) else [v] for k, v in frame.at.items()}
            )
            or [{}]
        ]
        return self.compared(experiment, frame, metric, pairs, where)

    def compared(
        self,
        experiment: Experiment,
        frame: ClaimFrame,
        metric: str,
        pairs: list[tuple[Place, Place | float]],
        where: Where,
        **crossing: Any,
    ) -> Claim:
        """Return the claim on these pairs, each place of which has to be one row of the table."""
        for place in itertools.chain.from_iterable(pairs):
            if isinstance(place, Place) and not self.problems:
                self.one_row(experiment, place, where)
        return Claim(
            says=frame.says,
            source=frame.source,
            kind="claim",
            metric=metric,
            relation=frame.relation,
            pairs=pairs,
            factor=frame.factor,
            offset=frame.offset,
            tolerance=frame.tolerance,
            **crossing,
        )

    def crossing(
        self,
        experiment: Experiment,
        frame: ClaimFrame,
        metric: str,
        sides: tuple[Cell, Cell | float],
        where: Where,
    ) -> Any:
        """Check a claim on where two curves cross; its pairs are their points."""
        left, location = sides
        key = "falls_below" if frame.rises_above is None else "rises_above"
        crossed = getattr(frame, key)
        if (
            crossed is None
            or (frame.rises_above is not None and frame.falls_below is not None)
            or frame.along is None
            or not isinstance(location, float)
        ):
            words = "rises_above or falls_below, along, and a number on the right go together"
            self.problem(where, words)
            return None
        if frame.factor != 1 or frame.offset != 0:
            self.problem(where, "a claim on where curves cross takes no factor and no offset")
        other = self.cell(experiment, metric, crossed, (*where, key))
        if other == left:
            self.problem((*where, key), "both curves of the claim are the same")
        for name, value in frame.at.items():
            if isinstance(value, list):
                message = f"{value}: should be one value; curves cross in one place"
                self.problem((*where, "at", name), message)
        if self.problems:
            return None
        columns = [name for name in _columns(experiment) if name != "iteration"]
        if other is None or not self.name(frame.along, columns, "column", (*where, "along")):
            return None
        values = _values_along(experiment, frame.along, {**frame.at, **left.at})
        if len(values) < 2 or not all(type(v) in (int, float) and v > 0 for v in values):
            message = f"{values}: curves cross along two or more positive numbers"
            self.problem((*where, "along"), message)
            return None
        off = frame.tolerance or 0.0
        if not values[0] < location - off <= location + off < values[-1]:
            # A crossing beyond an end is known to be there, not where.
            message = f"{_shown(frame.right)}: should lie between {values[0]} and {values[-1]}"
            self.problem((*where, "right"), f"{message}, with its tolerance")
        pairs: list[tuple[Place, Place | float]] = [
            (
                _placed(left, {**frame.at, frame.along: value}, metric),
                _placed(other, {**frame.at, frame.along: value}, metric),
            )
            for value in values
        ]
        rises = frame.rises_above is not None
        told = {"along": frame.along, "location": location, "rises": rises}
        return self.compared(experiment, frame, metric, pairs, where, **told)

    def published(self, experiment: Experiment, data: dict[str, Any], i: int) -> Any:
        """Check a published number; it becomes the claim that ours is it, up to its tolerance."""
        where: Where = ("published", i)
        frame = self.block(Published, data, where)
        if frame is None:
            return None
        metric = self.metric(experiment, frame.metric, where)
        here = {k: v for k, v in data.items() if k in Cell.model_fields}
        cell = self.cell(experiment, metric, here, where)
        if cell is None:
            return None
        place = _placed(cell, {}, metric)
        if not self.problems:
            self.one_row(experiment, place, where)
        return Claim(
            says=f"{frame.method} reaches {frame.value:g}{' or better' if frame.or_better else ''}",
            source=frame.source,
            kind="published",
            metric=metric,
            relation="reaches" if frame.or_better else "within",
            pairs=[(place, frame.value)],
            factor=1.0,
            offset=0.0,
            tolerance=frame.tolerance,
            remark=frame.remark,
            printed=frame.printed,
        )

    def one_row(self, experiment: Experiment, place: Place, where: Where) -> None:
        """Note a place that is not exactly one row of the table."""
        sized = uses_n_train(experiment, place.method)
        rows = distinct(
            {
                **point,
                **({"n_train": n} if sized else {}),
                **{f"test_{name}": value for name, value in test_point.items()},
            }
            for point, n in experiment.runs
            for test_point in experiment.test_points or [{}]
        )
        matching = [
            row
            for row in rows
            if all(same(value, row[name]) for name, value in place.at.items() if name in row)
        ]
        if len(matching) == 1:
            return
        at = ", ".join(f"{name} = {value}" for name, value in place.at.items())
        spoken_of = place.method + (f" at {at}" if at else "")
        if matching:
            open_columns = ", ".join(name for name in matching[0] if name not in place.at)
            message = f"is {len(matching)} rows of the table, not one; say also {open_columns}"
        else:
            message = "is not run: each value is, but not these together"
        self.problem(where, f"{spoken_of} {message}")


def _placed(cell: Cell, at: Point, metric: str) -> Place:
    return Place(cell.method, {**at, **cell.at}, cell.iteration, cell.metric or metric)


def _at_scale(experiment: Experiment, scale: Scale) -> Experiment:
    """Cap how much is run."""
    cap = scale.at_most

    def least(value: int, limit: int | None) -> int:
        return value if limit is None else min(value, limit)

    points = experiment.points
    if cap.values_per_sweep is not None:
        points = _spread(points, cap.values_per_sweep)
    sizes = distinct(n for _, n in experiment.runs)
    if cap.values_per_sweep is not None:
        sizes = _spread(sizes, cap.values_per_sweep)
    runs = [
        (point, least(n, cap.n_train))
        for point, n in experiment.runs
        if point in points and (n in sizes or cap.values_per_sweep is None)
    ]
    methods = {
        label: dataclasses.replace(
            entry,
            recipe=entry.recipe.model_copy(update={"steps": least(entry.recipe.steps, cap.steps)}),
            depths=entry.depths
            if cap.values_per_sweep is None
            else _spread(entry.depths, cap.values_per_sweep),
        )
        for label, entry in experiment.methods.items()
    }
    n_seeds = least(experiment.n_seeds, cap.seeds)
    capped = dataclasses.replace(
        experiment,
        runs=distinct(runs),
        methods=methods,
        n_seeds=n_seeds,
        block=min(experiment.block, n_seeds),
        samples=Samples(
            validation=least(experiment.samples.validation, cap.validation),
            test=least(experiment.samples.test, cap.test),
        ),
        test_points=_spread(experiment.test_points, cap.values_per_sweep)
        if cap.values_per_sweep is not None
        else experiment.test_points,
    )

    def shown(panel: Any) -> Any:
        """Show the last place that there is, where that of the file is not run."""
        if panel.reads != "examples":
            return panel
        last = min(_places(capped, label) for label in panel.methods) - 1
        return panel.model_copy(update={"place": min(panel.place, last)})

    return dataclasses.replace(capped, panels=[shown(panel) for panel in experiment.panels])


def _places(experiment: Experiment, label: str) -> int:
    """Return at how many places a method is scored, of which each stores examples."""
    scored = experiment.scorings(label)
    return len(distinct((fit.point, fit.n_train, at) for fit, at in scored))


def _spread(values: list[Any], most: int) -> list[Any]:
    """Return at most so many of the values, the first and the last among them."""
    if len(values) <= most:
        return values
    step = (len(values) - 1) / (most - 1)
    return [values[round(i * step)] for i in range(most)]


def _product(axes: Mapping[str, list[Any]]) -> list[Point]:
    if not axes:
        return []
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def _field_types(cls: type[Scenario]) -> dict[str, Any]:
    """Return the type of each field of a scenario, with its constraints."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _columns(experiment: Experiment) -> dict[str, list[Any]]:
    """Return the columns that tell points of the table apart, with their values."""
    rows: list[Point] = [{**point, "n_train": n} if n else point for point, n in experiment.runs]
    rows += [{f"test_{k}": v for k, v in point.items()} for point in experiment.test_points]
    columns = distinct(name for row in rows for name in row)
    return {name: distinct(row[name] for row in rows if name in row) for name in columns}


def _values_along(experiment: Experiment, column: str, fixed: Point) -> list[Any]:
    """Return the values that a column has where others have these, in rising order."""
    rows = (
        {**point, "n_train": n, **{f"test_{k}": v for k, v in tested.items()}}
        for point, n in experiment.runs
        for tested in experiment.test_points or [{}]
    )
    return sorted(
        distinct(row[column] for row in rows if all(same(row[k], v) for k, v in fixed.items()))
    )


def _expectation(detail: Any) -> str:
    """Return what was given and what is expected, with the cure for YAML's traps."""
    kind, value = detail["type"], detail["input"]
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "literal_error":
        words = one_of(value, re.findall("'(.*?)'", detail["ctx"]["expected"]))
    elif kind in WORDS:
        words = WORDS[kind].format_map(detail.get("ctx", {}))
    else:
        words = detail["msg"].replace("Input should", "should")
    return f"{_shown(value)}: {words}{_cure(kind, value)}"


def _cure(kind: str, value: object) -> str:
    """Return what to write instead of what YAML takes for something else."""
    if kind in ("float_type", "int_type") and isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return ""
        if math.isfinite(number):
            whole = kind == "int_type" and number.is_integer()
            text = str(int(number)) if whole else _yaml_number(number)
            return f" (YAML reads {value} as text; write {text})"
    if kind == "string_type" and isinstance(value, bool):
        return " (YAML reads yes, no, on and off as true and false; quote them)"
    if kind == "string_type" and isinstance(value, int | float):
        return " (quote it)"
    if kind == "dict_type" and value is None:
        return " (write {} for none)"
    return ""


def _shown(value: object) -> str:
    """Return a value as it stands in the file, or its beginning if it is long."""
    text = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) < 80 else text[:77] + "..."


def _yaml_number(number: float) -> str:
    """Return a number as YAML 1.1 reads it: with a point before the exponent, and its sign."""
    text = repr(number)
    if "e" in text:
        mantissa, exponent = text.split("e")
        mantissa += "" if "." in mantissa else ".0"
        exponent = exponent if exponent[0] in "+-" else f"+{exponent}"
        return f"{mantissa}e{exponent}"
    return text


def _settings_model(info: MethodInfo, chosen: Collection[str]) -> type[BaseModel]:
    """Return the model of the chosen settings of a method."""
    fields: dict[str, Any] = {
        name: (setting.annotation, ... if setting.default is REQUIRED else setting.default)
        for name, setting in info.settings.items()
        if name in chosen
    }
    config = ConfigDict(**Block.model_config, allow_inf_nan=False)
    return create_model(f"{info.class_name}Settings", __config__=config, **fields)
