"""The command that explains a method, a metric or a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.options import AREA, DESCRIBED, areas, json_option, scale_option
from mbdl_repro.cli.shared import as_json, bold, infos_of, put
from mbdl_repro.errors import UserError, meant, one_of

if TYPE_CHECKING:
    from mbdl_repro.catalogue import FunctionInfo, MethodInfo
    from mbdl_repro.experiments.experiment import Experiment
    from mbdl_repro.store.paths import Store


@click.command(
    cls=Command,
    examples=("mbdl explain lista", "mbdl explain squared_error --area sparse_recovery"),
    keys="name, area, kind (method, metric, bound), file, says (paragraphs), source, used_in; of "
    "a method also family, section, learned, parent, belief, settings (name, type, default, "
    "meaning), and used_in has experiment, label, belief, parameters (least, most), settings; "
    "of a metric or bound also label",
)
@click.argument("name", type=DESCRIBED)
@click.option("--area", type=AREA, help="The running example, where several have this name.")
@scale_option
@json_option
def explain(name: str, area: str | None, scale_name: str, in_json: bool) -> None:
    """Say what a method, a metric or a bound is, what it takes, and where it is used."""
    from mbdl_repro.experiments import reading
    from mbdl_repro.store.paths import Store

    scale = reading.load_scale(scale_name)
    experiments = [e for e in reading.load_all(scale).values() if area in (None, e.area)]
    info = _found(name, area, experiments)
    here = [e for e in experiments if e.area == info.area]
    told = _told_of_method(info, here, Store.of(scale)) if _is_method(info) else _told(info, here)
    if in_json:
        put(as_json(told))
    elif _is_method(info):
        _show_method(told)
    else:
        _show_function(told)


def _found(name: str, area: str | None, experiments: list[Experiment]) -> MethodInfo | FunctionInfo:
    """Return what is meant by a name, be it of a method or one that an experiment gives it."""
    known = {place: infos_of(place) for place in ([area] if area else areas())}
    for e in experiments:
        labels = {label: entry.info for label, entry in e.methods.items()}
        known[e.area] = {**labels, **known[e.area]}
    names = [one for infos in known.values() for one in infos]
    one = meant(name, dict.fromkeys(names))
    if one is None:
        own = {one for place in known for one in infos_of(place)}
        raise UserError(f"no method, metric or bound {name!r}; {one_of(name, own, 'mbdl methods')}")
    found = [infos[one] for infos in known.values() if one in infos]
    if len(found) > 1:
        places = ", ".join(info.area for info in found)
        raise UserError(f"{one!r} is in several areas: add --area, one of {places}")
    return found[0]


def _is_method(info: Any) -> bool:
    return hasattr(info, "family")


def _told(info: Any, experiments: list[Experiment]) -> dict[str, Any]:
    """Return what is told of a metric or a bound."""
    from mbdl_repro import catalogue
    from mbdl_repro.catalogue.memory import PACKAGE
    from mbdl_repro.reporting import docstrings

    path = PACKAGE.joinpath(*info.module.split(".")[1:]).with_suffix(".py")
    return {
        "name": info.name,
        "area": info.area,
        "kind": "bound" if info.name in catalogue.bounds(info.area) else "metric",
        **info.marks,
        "file": path.relative_to(PACKAGE.parent).as_posix(),
        "says": docstrings.paragraphs(info.doc),
        "source": docstrings.source(info.doc),
        "used_in": [e.name for e in experiments if info.name in (*e.metrics, *e.bounds)],
    }


def _told_of_method(info: Any, experiments: list[Experiment], store: Store) -> dict[str, Any]:
    """Return what is told of a method."""
    from mbdl_repro.catalogue import REQUIRED
    from mbdl_repro.catalogue.memory import PACKAGE
    from mbdl_repro.reporting import docstrings, numbers

    means = {name: docstrings.QUOTED.sub(r"\2", text) for name, text in info.meanings.items()}
    settings = [
        {
            "name": name,
            "type": docstrings.kind(one.annotation),
            "default": "required" if one.default is REQUIRED else numbers.plain(one.default),
            "meaning": means.get(name, ""),
        }
        for name, one in info.settings.items()
    ]
    uses = [
        {
            "experiment": e.name,
            "label": label,
            "belief": entry.belief,
            "parameters": _parameters(e, label, store),
            "settings": numbers.settings(entry),
        }
        for e in experiments
        for label, entry in e.methods.items()
        if entry.info == info
    ]
    return {
        "name": info.name,
        "area": info.area,
        "kind": "method",
        "family": info.family.title,
        "section": info.family.section,
        "learned": info.family.learned,
        "parent": info.parent,
        "file": info.path.relative_to(PACKAGE.parent).as_posix(),
        "says": docstrings.paragraphs(info.doc),
        "source": docstrings.source(info.doc),
        "belief": means.get("belief", ""),
        "settings": settings,
        "used_in": uses,
    }


def _parameters(experiment: Experiment, label: str, store: Store) -> list[int] | None:
    """Return the least and the most numbers that a method learns there; None if nobody knows."""
    from mbdl_repro.store.records import read_table

    if not store.table(experiment.name).is_file():
        return None
    table = read_table(store.table(experiment.name))
    sizes = sorted(set(table.loc[table["method"] == label, "n_parameters"].tolist()))
    return [*sizes[:1], *sizes[-1:]]


def _show_method(told: dict[str, Any]) -> None:
    from mbdl_repro.reporting import docstrings, tables

    click.echo(f"{bold(told['name'])}: {told['family']} (Section {told['section']})")
    click.echo(f"learned: {told['learned']}")
    if told["parent"]:
        click.echo(f"parent: {told['parent']}, which it equals before it is fitted")
    click.echo(f"file: {told['file']}")
    _show_doc(told)
    click.echo(docstrings.wrapped(f"belief: {told['belief']}"))
    if told["settings"]:
        head = ["setting", "type", "default", "meaning"]
        put(tables.as_text(head, [list(one.values()) for one in told["settings"]]))
    rows = [
        [
            use["experiment"],
            use["label"],
            use["belief"],
            _range(use["parameters"]),
            ", ".join(f"{k} {v}" for k, v in use["settings"].items()),
        ]
        for use in told["used_in"]
    ]
    if rows:
        put(tables.as_text(["used in", "as", "belief", "parameters", "settings"], rows))
    else:
        click.echo("no experiment uses it")


def _range(parameters: list[int] | None) -> str:
    return "?" if parameters is None else " to ".join(f"{n}" for n in dict.fromkeys(parameters))


def _show_function(told: dict[str, Any]) -> None:
    from mbdl_repro.reporting import docstrings

    apart = ("name", "area", "kind", "label", "file", "says", "source", "used_in")
    shown = {key: value for key, value in told.items() if key not in apart and value}
    words = {k: " and ".join(v) if isinstance(v, list) else v for k, v in shown.items()}
    marks = "".join(f", {key}: {value}" for key, value in words.items())
    click.echo(f"{bold(told['name'])} ({told['kind']}{marks})")
    click.echo(docstrings.wrapped(f"label: {told['label']}"))
    click.echo(f"file: {told['file']}")
    _show_doc(told)
    click.echo(docstrings.wrapped(f"used in: {', '.join(told['used_in']) or 'no experiment'}"))


def _show_doc(told: dict[str, Any]) -> None:
    """Print a docstring: prose refilled, equations as they are typed."""
    from mbdl_repro.reporting import docstrings

    source = [f"source: {told['source']}"] if told["source"] else []
    for text in [*told["says"], *source]:
        click.echo("\n" + docstrings.wrapped(text))
