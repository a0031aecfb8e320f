"""Experiment files: read, and validated to the last value.

An experiment is one YAML file named after the monograph's example; a scale caps how much of it
is run. Every mistake in a file stops a run before its first job, with one message.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from mbdl_repro import catalogue, figures
from mbdl_repro.blocks import (
    AtMost,
    Block,
    Book,
    Cell,
    ClaimFrame,
    FigureFrame,
    Frame,
    MethodFrame,
    Published,
    Samples,
    ScaleFrame,
)
from mbdl_repro.catalogue import REQUIRED, MethodCard
from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiment import (
    Claim,
    Experiment,
    MethodEntry,
    Place,
    Point,
    Scale,
    distinct,
    same,
    uses_n_train,
)
from mbdl_repro.recipe import Recipe
from mbdl_repro.scenario import Scenario
from mbdl_repro.strict_yaml import StrictYaml, Where

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
    for name in wanted:
        if name not in known:
            raise UserError(f"no experiment {name!r}; {one_of(name, known)}")
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

    def block(self, model: type[BaseModel], data: Any, where: Where) -> Any:
        """Validate one block; its mistakes are noted and None is returned."""
        if not isinstance(data, Mapping):
            self.problem(where, f"{data!r} is not a mapping; allowed: {_keys(model)}")
            return None
        try:
            # As JSON, since there a list may stand for a tuple even where types are strict.
            return model.model_validate_json(json.dumps(data, default=str))
        except ValidationError as error:
            for detail in error.errors():
                self._note(model, detail, where)
            return None

    def _note(self, model: type[BaseModel], detail: Any, where: Where) -> None:
        inner = (*where, *(part for part in detail["loc"] if part != "[key]"))
        kind, value = detail["type"], detail["input"]
        if kind == "extra_forbidden":
            self.problem(inner, f"unknown key {inner[-1]!r}; {one_of(inner[-1], _keys(model))}")
        elif kind == "missing":
            self.problem(where, f"key {inner[-1]!r} is missing; {one_of('', _keys(model))}")
        else:
            self.problem(inner, _expectation(detail["msg"], value))

    def name(self, value: str, allowed: Iterable[str], kind: str, where: Where) -> bool:
        """Note a name that is not among those allowed."""
        allowed = list(allowed)
        if value in allowed:
            return True
        self.problem(where, f"unknown {kind} {value!r}; {one_of(value, allowed)}")
        return False

    # The experiment ---------------------------------------------------------------------------

    def experiment(self, scale: Scale) -> Experiment:
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
        fields = {field.name for field in dataclasses.fields(scenario)}
        beliefs = {"full": {}} | {
            name: self.overrides(type(scenario), changes, ("beliefs", name), withhold=True)
            for name, changes in frame.beliefs.items()
        }
        runs = self.sweep(scenario, frame.sweep)
        for name, values in frame.test_sweep.items():
            if self.name(name, fields, "scenario field", ("test_sweep", name)):
                self.values(type(scenario), name, values, ("test_sweep", name))
        for i, metric in enumerate(frame.metrics):
            self.name(metric, catalogue.metrics(area), "metric", ("metrics", i))
        for i, bound in enumerate(frame.bounds):
            if self.name(bound, catalogue.bounds(area), "bound", ("bounds", i)):
                measured = catalogue.bounds(area)[bound].marks["metric"]
                if measured not in frame.metrics:
                    self.problem(
                        ("bounds", i),
                        f"{bound!r} bounds the metric {measured!r}, which is not among metrics",
                    )
        for key in ("metrics", "bounds", "trace"):
            self.no_repeats(getattr(frame, key), (key,))
        methods = {
            label: entry
            for label, data in frame.methods.items()
            if (entry := self.method(area, label, data, beliefs, frame)) is not None
        }
        self.stop_if_problems()
        self.no_repeats([e.legend for e in methods.values()], ("methods",), "legend")
        if any(e.card.family.learns for e in methods.values()) and any(n == 0 for _, n in runs):
            self.problem(
                ("sweep",),
                "a method here learns from data, so each block of the sweep needs n_train: "
                "a list of training-set sizes, such as n_train: [100]",
            )
        self.stop_if_problems()

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
            test_points=_product(frame.test_sweep),
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

    def scenario(self, area: str, data: dict[str, Any]) -> tuple[str, Any]:
        """Build the truth."""
        kinds = catalogue.scenarios(area)
        data = dict(data)
        name = data.pop("kind", next(iter(kinds)) if len(kinds) == 1 else None)
        if not self.name(str(name), kinds, "scenario", ("scenario", "kind")):
            return str(name), None
        cls = kinds[str(name)]
        given = self.overrides(cls, data, ("scenario",), withhold=False)
        needed = [
            f.name
            for f in dataclasses.fields(cls)
            if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        ]
        for field in needed:
            if field not in data:
                self.problem(("scenario",), f"field {field!r} is missing; it has no default")
        self.stop_if_problems()
        try:
            return str(name), cls(**given)
        except ValueError as error:
            self.problem(("scenario",), str(error))
            return str(name), None

    def overrides(
        self, cls: type[Scenario], data: dict[str, Any], where: Where, *, withhold: bool
    ) -> dict[str, Any]:
        """Check fields of a scenario; a belief may withhold one with ``null``."""
        fields = [field.name for field in dataclasses.fields(cls)]
        for name, value in data.items():
            if not self.name(name, fields, "scenario field", (*where, name)):
                continue
            if value is None:
                if not withhold:
                    self.problem((*where, name), "the truth knows every field; give a value")
                continue
            self.values(cls, name, [value], (*where, name))
        return data

    def values(self, cls: type[Scenario], field: str, values: Any, where: Where) -> None:
        """Check values for a field of a scenario against the field's type."""
        adapter = _field_adapter(cls, field)
        for value in values:
            try:
                adapter.validate_python(value, strict=True)
            except ValidationError as error:
                self.problem(where, _expectation(error.errors()[0]["msg"], value))

    def sweep(self, scenario: Scenario, data: Any) -> list[tuple[Point, int]]:
        """Expand the sweep: a mapping of lists, or a list of such mappings."""
        blocks = data if isinstance(data, list) else [data]
        fields = [field.name for field in dataclasses.fields(scenario)]
        swept = distinct(
            name for b in blocks if isinstance(b, dict) for name in b if name != "n_train"
        )
        runs: list[tuple[Point, int]] = []
        for i, b in enumerate(blocks):
            where: Where = ("sweep", i) if isinstance(data, list) else ("sweep",)
            if not isinstance(b, dict):
                self.problem(where, f"{b!r} is not a mapping of fields to lists of values")
                continue
            for name, values in b.items():
                here = (*where, name)
                if name != "n_train" and not self.name(name, fields, "scenario field", here):
                    continue
                if not isinstance(values, list) or not values:
                    self.problem(here, f"{values!r} is not a list of one or more values")
                elif name == "n_train":
                    for n in values:
                        if type(n) is not int or n < 1:
                            self.problem(here, f"{n!r} is not a whole number of 1 or more")
                else:
                    self.values(type(scenario), name, values, here)
                    self.no_repeats(values, here)
            if self.problems:
                continue
            base = {name: getattr(scenario, name) for name in swept}
            axes = {name: values for name, values in b.items() if name != "n_train"}
            for point in _product(axes) or [{}]:
                runs += [(base | point, n) for n in b.get("n_train", [0])]
        return distinct(runs)

    def no_repeats(self, values: list[Any], where: Where, kind: str = "value") -> None:
        """Note a value that stands twice in a list where each has one meaning."""
        for value in distinct(v for v in values if values.count(v) > 1):
            self.problem(where, f"{kind} {value!r} stands twice; each may stand once")

    def method(
        self, area: str, label: str, data: dict[str, Any], beliefs: dict[str, Any], frame: Frame
    ) -> MethodEntry | None:
        """Check a method's entry: its frame, its settings, its tuning grid and its recipe."""
        where: Where = ("methods", label)
        cards = catalogue.methods(area)
        reserved = set(MethodFrame.model_fields)
        entry = self.block(MethodFrame, {k: v for k, v in data.items() if k in reserved}, where)
        if entry is None:
            return None
        name = entry.method or label
        if not self.name(name, cards, "method", (*where, "method") if entry.method else where):
            return None
        card = cards[name]
        if label in cards and name != label:
            self.problem(where, f"{label!r} is itself a method: give this entry another name")
        if label in frame.bounds:
            self.problem(where, f"{label!r} is also a bound of this experiment: rename the entry")
        self.name(entry.belief, beliefs, "belief", (*where, "belief"))

        given = {k: v for k, v in data.items() if k not in reserved}
        settings_model = _settings_model(card, tuned=frozenset(entry.tune))
        for key in given:
            if key not in card.settings:
                allowed = [*card.settings, *reserved]
                self.problem((*where, key), f"unknown key {key!r}; {one_of(key, allowed)}")
        known = {k: v for k, v in given.items() if k in card.settings}
        settings = self.block(settings_model, known, where)
        for key, values in entry.tune.items():
            here = (*where, "tune", key)
            if not self.name(key, card.settings, "setting to tune", here):
                continue
            if key in given:
                self.problem(here, f"{key!r} is both set and tuned; keep one of the two")
            if not values:
                self.problem(here, "an empty list leaves nothing to choose from")
            for value in values:
                self.block(_settings_model(card, only=key), {key: value}, (*where, "tune"))
        if entry.recipe is not None and not card.family.learns:
            self.problem((*where, "recipe"), f"{name!r} learns nothing, so it takes no recipe")
        recipe = self.block(Recipe, entry.recipe or {}, (*where, "recipe"))
        if settings is None or recipe is None:
            return None
        return MethodEntry(
            label=label,
            card=card,
            legend=entry.legend or label.replace("_", " "),
            belief=entry.belief,
            settings=settings.model_dump(),
            tune=entry.tune,
            recipe=recipe,
            jobs=entry.jobs,
        )

    # What speaks of the table -----------------------------------------------------------------

    def panel(self, experiment: Experiment, data: dict[str, Any], i: int) -> Any:
        """Check a panel of the figure: its kind's own keys, and the names that it uses."""
        where: Where = ("figure", "panels", i)
        data = dict(data)
        kinds = figures.panel_kinds()
        if not self.name(str(data.pop("kind", None)), kinds, "kind of panel", (*where, "kind")):
            return None
        kind = self.yaml.data["figure"]["panels"][i]["kind"]
        panel = self.block(kinds[kind], data, where)
        if panel is None:
            return None
        labels = experiment.methods
        columns = ["n_train", *experiment.sweep_columns, *experiment.test_columns]
        for key, allowed, noun in (
            ("x", [*columns, "iteration"], "column"),
            ("y", experiment.metrics, "metric"),
            ("methods", labels, "method"),
            ("bounds", experiment.bounds, "bound"),
        ):
            values = getattr(panel, key, None)
            listed = [values] if isinstance(values, str) else values or []
            for value in listed:
                self.name(value, allowed, noun, (*where, key))
        self.place(experiment, getattr(panel, "where", {}), (*where, "where"))
        return panel

    def place(self, experiment: Experiment, at: dict[str, Any], where: Where) -> None:
        """Check that a point that is spoken of is one that is run."""
        values: dict[str, list[Any]] = {
            name: distinct(point[name] for point in experiment.points)
            for name in experiment.sweep_columns
        }
        values["n_train"] = distinct(n for _, n in experiment.runs)
        for column in experiment.test_columns:
            name = column.removeprefix("test_")
            values[column] = distinct(point[name] for point in experiment.test_points)
        for name, given in at.items():
            if not self.name(name, values, "column", (*where, name)):
                continue
            for value in given if isinstance(given, list) else [given]:
                if not any(same(value, other) for other in values[name]):
                    self.problem(
                        (*where, name),
                        f"{name} = {value!r} is not run; "
                        f"allowed: {', '.join(map(str, values[name]))}",
                    )

    def cell(self, experiment: Experiment, data: Any, where: Where) -> Cell | None:
        """Check one side of a claim."""
        cell = self.block(Cell, data, where)
        if cell is None:
            return None
        rows = [*experiment.methods, *experiment.bounds]
        self.name(cell.method, rows, "method or bound", (*where, "method"))
        self.place(experiment, cell.at, (*where, "at"))
        if cell.iteration is not None and cell.iteration not in experiment.trace:
            self.problem(
                (*where, "iteration"),
                f"iteration {cell.iteration} is not recorded; {one_of('', experiment.trace)}",
            )
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
        left = self.cell(experiment, frame.left, (*where, "left"))
        right: Cell | float | None
        if isinstance(frame.right, int | float) and not isinstance(frame.right, bool):
            right = float(frame.right)
        elif isinstance(frame.right, dict):
            right = self.cell(experiment, frame.right, (*where, "right"))
        else:
            self.problem(
                (*where, "right"),
                _expectation("Input should be a number, or a mapping with a method", frame.right),
            )
            return None
        self.place(experiment, frame.at, (*where, "at"))
        if (frame.relation == "within") != (frame.tolerance is not None):
            self.problem(where, "relation within needs a tolerance, and only within takes one")
        if left is None or right is None:
            return None
        pairs = [
            (_placed(left, point), right if isinstance(right, float) else _placed(right, point))
            for point in _product(
                {k: v if isinstance(v, list) else [v] for k, v in frame.at.items()}
            )
            or [{}]
        ]
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
            tolerance=frame.tolerance,
        )

    def published(self, experiment: Experiment, data: dict[str, Any], i: int) -> Any:
        """Check a published number; it becomes the claim that ours lies within its tolerance."""
        where: Where = ("published", i)
        frame = self.block(Published, data, where)
        if frame is None:
            return None
        metric = self.metric(experiment, frame.metric, where)
        here = {k: v for k, v in data.items() if k in Cell.model_fields}
        cell = self.cell(experiment, here, where)
        if cell is None:
            return None
        place = _placed(cell, {})
        if not self.problems:
            self.one_row(experiment, place, where)
        return Claim(
            says=f"{frame.method} reaches {frame.value:g}",
            source=frame.source,
            kind="published",
            metric=metric,
            relation="within",
            pairs=[(place, frame.value)],
            factor=1.0,
            tolerance=frame.tolerance,
            remark=frame.remark,
        )

    def one_row(self, experiment: Experiment, place: Place, where: Where) -> None:
        """Note a place that is not exactly one row of the table."""
        matching = [
            point | ({"n_train": n} if uses_n_train(experiment, place.method) else {})
            for point, n in experiment.runs
            if all(
                same(value, {**point, "n_train": n}[name])
                for name, value in place.at.items()
                if name in point or (name == "n_train" and uses_n_train(experiment, place.method))
            )
        ]
        free = distinct(matching)
        if len(free) != 1:
            open_columns = [k for k in (free[0] if free else {}) if k not in place.at]
            self.problem(
                where,
                f"{place.method} at {place.at} is {len(free)} rows of the table, not one"
                + (f"; say also {', '.join(open_columns)}" if open_columns else ""),
            )


def _placed(cell: Cell, at: Point) -> Place:
    return Place(cell.method, {**at, **cell.at}, cell.iteration)


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
        )
        for label, entry in experiment.methods.items()
    }
    n_seeds = least(experiment.n_seeds, cap.seeds)
    return dataclasses.replace(
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


def _keys(model: type[BaseModel]) -> list[str]:
    return list(model.model_fields)


def _expectation(message: str, value: object) -> str:
    """Return what was given and what is expected, with the cure for YAML's traps."""
    message = message[0].lower() + message[1:]
    hint = ""
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            pass
        else:
            hint = f" (YAML reads {value} as text; write {_yaml_number(number)})"
    shown = repr(value) if len(repr(value)) < 80 else repr(value)[:77] + "..."
    return f"{shown}: {message.replace('input should be', 'should be')}{hint}"


def _yaml_number(number: float) -> str:
    """Return a number as YAML 1.1 reads it: with a point before the exponent, and its sign."""
    text = repr(number)
    if "e" in text:
        mantissa, exponent = text.split("e")
        mantissa += "" if "." in mantissa else ".0"
        exponent = exponent if exponent[0] in "+-" else f"+{exponent}"
        return f"{mantissa}e{exponent}"
    return text


def _settings_model(
    card: MethodCard, *, tuned: frozenset[str] = frozenset(), only: str | None = None
) -> type[BaseModel]:
    """Return the model of a method's settings; those that are tuned need not be given."""
    fields: dict[str, Any] = {}
    for name, setting in card.settings.items():
        if name in tuned or (only is not None and name != only):
            continue
        annotation = setting.annotation
        fields[name] = (annotation, ... if setting.default is REQUIRED else setting.default)
    return create_model(f"{card.class_name}Settings", __config__=Block.model_config, **fields)


def _field_adapter(cls: type[Scenario], field: str) -> TypeAdapter[Any]:
    return TypeAdapter(
        typing.get_type_hints(cls, include_extras=True)[field],
        config=ConfigDict(allow_inf_nan=False),
    )
