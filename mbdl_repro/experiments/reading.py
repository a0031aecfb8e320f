"""Experiment and scale files: read, and validated to the last value.

An experiment is one YAML file named after the monograph's example; a scale caps how much of it
is run. Every mistake in a file stops a run before its first job, with one message. No data are
drawn for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from mbdl_repro import catalogue
from mbdl_repro.contract.table import distinct
from mbdl_repro.errors import UserError, named
from mbdl_repro.experiments import claims, mathtext, panels, setup
from mbdl_repro.experiments import names as file_names
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.measured import measured
from mbdl_repro.experiments.messages import Problems, shown
from mbdl_repro.experiments.methods import methods
from mbdl_repro.experiments.remembered import Remembered
from mbdl_repro.experiments.scale import AtMost, Scale, ScaleFrame, at_scale
from mbdl_repro.experiments.schema import Book, FigureFrame, Frame, Samples
from mbdl_repro.experiments.strict_yaml import StrictYaml, Where, beginning

EXPERIMENTS = file_names.EXPERIMENTS
SCALES = file_names.SCALES
LISTED_BY = "mbdl examples"
"""The command that lists the experiments."""


def names(folder: Path = EXPERIMENTS) -> list[str]:
    """Return the names of all experiments: the files of the folder, in the book's order.

    Raises:
        UserError: if a file seems to be meant for one and is not, or two would share files.
    """
    return file_names.experiments(folder)


def area_of(name: str) -> object:
    """Return what an experiment's file says of its area, without checking the rest.

    Args:
        name: its file's name, without the ending.

    Raises:
        UserError: if the file is missing, or no YAML.
    """
    return StrictYaml(EXPERIMENTS / f"{name}.yaml").data.get("area")


def load_all(scale: Scale, chosen: str | None = None) -> dict[str, Experiment]:
    """Read all experiments, or those of a comma-separated list of names.

    Args:
        scale: how much of them is run.
        chosen: names, or what stands for one (see :func:`mbdl_repro.errors.named`); ``None``: all.

    Returns:
        The experiments by name.

    Raises:
        UserError: naming every mistake in every file, or a name that is not there.
    """
    known = names()
    wanted = [name.strip() for name in str(chosen).split(",")] if chosen else known
    wanted = distinct(named(name, known, "experiment", LISTED_BY) for name in wanted)
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
    known = file_names.scales(SCALES)
    name = named(name, known, "scale")
    problems = Problems(StrictYaml(SCALES / f"{name}.yaml"))
    frame = problems.block(ScaleFrame, problems.yaml.data, ())
    problems.stop_if_any()
    others = {other: _folders_of(other) for other in known if other != name}
    for key, folder in (("results", frame.results), ("figures", frame.figures)):
        if (problem := file_names.problem_of_folder(folder, name, others)) is not None:
            problems.note((key,), f"{shown(folder)}: {problem}")
    if PurePosixPath(frame.results).is_relative_to(frame.figures):
        problems.note(("figures",), f"{shown(frame.figures)}: results lie there: choose another")
    problems.stop_if_any()
    at_most = problems.block(AtMost, frame.at_most, ("at_most",))
    problems.stop_if_any()
    formats = tuple(frame.figure_formats)
    return Scale(name, frame.about, frame.results, frame.figures, at_most, formats)


def _folders_of(scale: str) -> list[str]:
    """Return where another scale says that its files lie; nowhere if it cannot be read."""
    try:
        data = StrictYaml(SCALES / f"{scale}.yaml").data
    except UserError:
        return []
    return [data[key] for key in ("results", "figures") if isinstance(data.get(key), str)]


def load(name: str, scale: Scale) -> Experiment:
    """Read, validate and expand one experiment.

    Args:
        name: its file's name, without the ending.
        scale: how much of it is run.

    Raises:
        UserError: one message with a line for every mistake: file, line, value, what is allowed.
    """
    path = EXPERIMENTS / f"{name}.yaml"
    if not path.is_file():
        return load_file(path, scale)
    memory = Remembered(name, scale, path.read_bytes())
    known = memory.read()
    if known is None:
        known = load_file(path, scale)
        memory.write(known)
    return known


def load_file(path: Path, scale: Scale) -> Experiment:
    """Read, validate and expand the experiment of this file.

    Args:
        path: the file.
        scale: how much of it is run.

    Raises:
        UserError: one message with a line for every mistake: file, line, value, what is allowed.
    """
    problems = Problems(StrictYaml(path))
    frame = _frame(problems)
    full = _experiment(problems, frame)
    mathtext.check(problems, _drawn_texts(full.file))
    shown = [panels.panel(problems, full, p, i) for i, p in enumerate(full.figure.panels)]
    decided = [claims.claim(problems, full, c, i) for i, c in enumerate(frame.claims)]
    decided += [claims.published(problems, full, p, i) for i, p in enumerate(frame.published)]
    problems.stop_if_any()
    full = dataclasses.replace(full, panels=shown, claims=[c for c in decided if c is not None])
    roles = [panels.role(problems, full, r, i) for i, r in enumerate(frame.roles)]
    problems.stop_if_any()
    full = dataclasses.replace(full, roles=[role for role in roles if role is not None])
    return at_scale(full, scale)


def _drawn_texts(data: dict[str, Any]) -> Iterator[tuple[Where, str]]:
    """Yield the texts of a file that its figure shows."""
    for label, entry in data["methods"].items():
        yield from mathtext.texts_in(entry.get("legend"), ("methods", label, "legend"))
    yield from mathtext.texts_in(data["figure"]["panels"], ("figure", "panels"))


def _frame(problems: Problems) -> Frame:
    """Check the file's name and its top level."""
    path = problems.yaml.path
    if (problem := file_names.problem_of(path.stem)) is not None:
        problems.note((), f"{beginning(path.name)!r} names results: {problem}")
    frame: Frame = problems.block(Frame, problems.yaml.data, ())
    problems.stop_if_any()
    return frame


def _experiment(problems: Problems, frame: Frame) -> Experiment:
    """Check what the experiment sets up: all but its panels and its claims."""
    book = problems.block(Book, frame.book, ("book",))
    samples = problems.block(Samples, frame.samples, ("samples",))
    figure = problems.block(FigureFrame, frame.figure, ("figure",))
    problems.name(frame.area, catalogue.areas(), "area", ("area",))
    setup.seeds(problems, frame)
    problems.stop_if_any()
    scenario_name, truth = setup.scenario(problems, frame.area, frame.scenario)
    beliefs = setup.beliefs(problems, truth, frame.beliefs)
    runs = setup.sweep(problems, truth, frame.sweep, "sweep", sizes=True)
    tested = setup.sweep(problems, truth, frame.test_sweep, "test_sweep")
    problems.stop_if_any()
    test_points = [point for point, _ in tested if point]
    setup.amount(problems, frame, len(runs), len(test_points))
    points = distinct(point for point, _ in runs)
    setup.combinations(problems, truth, beliefs, points, test_points)
    setup.measures(problems, frame)
    return Experiment(
        name=problems.yaml.path.stem,
        path=problems.yaml.path,
        book=book,
        area=frame.area,
        scenario_name=scenario_name,
        scenario=truth,
        measured=measured(problems, frame),
        beliefs=beliefs,
        runs=runs,
        test_points=test_points,
        samples=samples,
        n_seeds=frame.seeds,
        block=frame.block,
        methods=methods(problems, frame, beliefs, {n for _, n in runs}),
        metrics=frame.metrics,
        trace=sorted(frame.trace),
        bounds=frame.bounds,
        figure=figure,
        panels=[],
        claims=[],
        roles=[],
        file=problems.yaml.data,
    )
