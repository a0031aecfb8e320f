"""Commands that list experiments and methods, and explain one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mbdl_repro import catalogue
from mbdl_repro.catalogue import REQUIRED, FunctionInfo, MethodInfo
from mbdl_repro.catalogue.memory import PACKAGE
from mbdl_repro.cli.shared import Command, areas_named, bold, infos_of, scale_option, show
from mbdl_repro.comparisons import reading as comparisons
from mbdl_repro.contract.table import distinct
from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiments import reading
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.reporting import docstrings, numbers, tables
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import damage, read_table


@click.command(cls=Command)
@scale_option
def examples(scale_name: str) -> None:
    """List the experiments, and comparisons of several, and the state of their results."""
    scale = reading.load_scale(scale_name)
    store = Store.of(scale)
    rows = [
        [
            f"{e.name}\n  {e.book.title}",
            e.area,
            str(len(e.methods)),
            str(len(e.claims)),
            _state(store.table(e.name), store.verdicts(e.name), store.figure(e.name)),
        ]
        for e in reading.load_all(scale).values()
    ]
    rows += [
        [
            f"{c.name}\n  {c.book.title}",
            "several",
            "",
            str(len(c.claims)),
            _state(store.comparison(c.name), store.verdicts(c.name), store.figure(c.name)),
        ]
        for c in comparisons.load_all().values()
    ]
    show(tables.as_text(["experiment", "area", "methods", "claims", "results"], rows))


def _state(*files: Path) -> str:
    there = [path for path in files if path.is_file()]
    if any(damage(path) for path in there):
        return "damaged"
    return "not made" if not there else "made" if len(there) == len(files) else "partly made"


@click.command(cls=Command)
@click.option("--area", help="Only those of this running example.")
def methods(area: str | None) -> None:
    """List the methods along the continuum, with the classical parent of each."""
    for name in areas_named(area):
        click.echo(bold(name))
        infos = catalogue.methods(name)
        width = max(map(len, infos), default=0)
        for family in sorted({info.family for info in infos.values()}, key=lambda f: f.rank):
            heading = f"{family.title} (Section {family.section}): learns {family.learned}"
            click.echo(docstrings.wrapped(heading, "  "))
            rows = [
                [f"    {info.name:{width}}", _in_one_line(info)]
                for info in infos.values()
                if info.family is family
            ]
            show(tables.as_text([], rows))


def _in_one_line(info: MethodInfo) -> str:
    parent = f" (parent: {info.parent})" if info.parent else ""
    return docstrings.first_sentence(info.doc) + parent


@click.command(cls=Command)
@click.argument("name")
@click.option("--area", help="The running example, where several have one of this name.")
@scale_option
def explain(name: str, area: str | None, scale_name: str) -> None:
    """Say what a method, a metric or a bound is, what it takes, and where it is used."""
    scale = reading.load_scale(scale_name)
    areas = areas_named(area)
    experiments = [e for e in reading.load_all(scale).values() if e.area in areas]
    infos = {place: infos_of(place) for place in areas}
    for e in experiments:  # an experiment may give a method a name of its own
        infos[e.area] = {**{k: entry.info for k, entry in e.methods.items()}, **infos[e.area]}
    found = {place: known[name] for place, known in infos.items() if name in known}
    if not found:
        known = [one for place in areas for one in infos[place]]
        raise UserError(f"no method, metric or bound {name!r}; {one_of(name, known)}")
    if len(found) > 1:
        raise UserError(f"{name!r} is in several areas: say --area, one of {', '.join(found)}")
    ((place, info),) = found.items()
    here = [e for e in experiments if e.area == place]
    if isinstance(info, MethodInfo):
        _explain_method(info, here, Store.of(scale))
    else:
        _explain_function(info, here)


def _explain_method(info: MethodInfo, experiments: list[Experiment], store: Store) -> None:
    family = info.family
    click.echo(f"{bold(info.name)}: {family.title} (Section {family.section})")
    click.echo(f"learned: {family.learned}")
    if info.parent:
        click.echo(f"parent: {info.parent}, which it equals before it is fitted")
    click.echo(f"file: {_file(info.path)}")
    _show_doc(info.doc)
    _show_arguments(info)
    _show_uses(info, experiments, store)


def _show_arguments(info: MethodInfo) -> None:
    """Print what a method takes: its belief in words, its settings as a table."""
    arguments = info.meanings
    meanings = {name: docstrings.QUOTED.sub(r"\2", text) for name, text in arguments.items()}
    click.echo(docstrings.wrapped(f"belief: {meanings.get('belief', '')}"))
    settings = [
        [name, docstrings.kind(one.annotation), _default(one.default), meanings.get(name, "")]
        for name, one in info.settings.items()
    ]
    if settings:
        show(tables.as_text(["setting", "type", "default", "meaning"], settings))


def _show_uses(info: MethodInfo, experiments: list[Experiment], store: Store) -> None:
    """Print where a method is used, and with which settings."""
    uses = [
        [
            e.name,
            entry.label,
            entry.belief,
            _parameters(e, entry.label, store),
            ", ".join(f"{k} {v}" for k, v in numbers.settings(entry).items()),
        ]
        for e in experiments
        for entry in e.methods.values()
        if entry.info == info
    ]
    if uses:
        show(tables.as_text(["used in", "as", "belief", "parameters", "settings"], uses))
    else:
        click.echo("no experiment uses it")


def _explain_function(info: FunctionInfo, experiments: list[Experiment]) -> None:
    shown = {key: value for key, value in info.marks.items() if key != "label" and value}
    words = {k: " and ".join(v) if isinstance(v, list) else v for k, v in shown.items()}
    marks = ", ".join(f"{key}: {value}" for key, value in words.items())
    path = PACKAGE.joinpath(*info.module.split(".")[1:]).with_suffix(".py")
    uses = [e.name for e in experiments if info.name in (*e.metrics, *e.bounds)]
    click.echo(f"{bold(info.name)}{f' ({marks})' if marks else ''}")
    click.echo(docstrings.wrapped(f"label: {info.marks['label']}"))
    click.echo(f"file: {_file(path)}")
    _show_doc(info.doc)
    click.echo(docstrings.wrapped(f"used in: {', '.join(uses) or 'no experiment'}"))


def _show_doc(doc: str) -> None:
    """Print a docstring: prose refilled, equations as they are typed."""
    source = docstrings.source(doc)
    for text in [*docstrings.paragraphs(doc), *([f"source: {source}"] if source else [])]:
        click.echo("\n" + docstrings.wrapped(text))


def _default(value: Any) -> str:
    return "required" if value is REQUIRED else numbers.plain(value)


def _parameters(experiment: Experiment, label: str, store: Store) -> str:
    if not store.table(experiment.name).is_file():
        return "?"
    table = read_table(store.table(experiment.name))
    sizes = sorted(set(table.loc[table["method"] == label, "n_parameters"]))
    return " to ".join(f"{n}" for n in distinct(sizes[:1] + sizes[-1:]))


def _file(path: Path) -> str:
    return path.relative_to(PACKAGE.parent).as_posix()
